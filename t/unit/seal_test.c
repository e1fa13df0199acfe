/*
 * The seal: known answers (GCM test cases 13 to 16 of McGrew and Viega's
 * specification, RFC 5869, RFC 4231), and what must not open.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/store/seal.h"

#include <stdio.h>
#include <stdlib.h>

static size_t
unhex(const char *text, uint8_t *out)
{
    size_t len = strlen(text) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned value = 0;
        assert_int_equal(1, sscanf(text + 2 * i, "%2x", &value));
        out[i] = (uint8_t) value;
    }
    return len;
}

typedef struct {
    const char *key, *nonce, *aad, *plain, *cipher, *tag;
} gcm_case_t;

#define KEY16 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define PLAIN16                                                                \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"         \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define CIPHER16                                                               \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"         \
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

static const gcm_case_t gcm_cases[] = {
    { "00000000000000000000000000000000"
      "00000000000000000000000000000000",
        "000000000000000000000000", "", "", "",
        "530f8afbc74536b9a963b4f1c4cb738b" },
    { "00000000000000000000000000000000"
      "00000000000000000000000000000000",
        "000000000000000000000000", "", "00000000000000000000000000000000",
        "cea7403d4d606b6e074ec5d3baf39d18",
        "d0d1c8a799996bf0265b98b5d48ab919" },
    { KEY16, "cafebabefacedbaddecaf888", "", PLAIN16 "1aafd255",
        CIPHER16 "898015ad", "b094dac5d93471bdec1a502270e3cc6c" },
    { KEY16, "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN16, CIPHER16,
        "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static void
test_gcm(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(gcm_cases) / sizeof(gcm_cases[0]); i++) {
        const gcm_case_t *c = &gcm_cases[i];
        uint8_t key[32], nonce[12], aad[64], plain[128], cipher[128], tag[16];
        uint8_t out[128], out_tag[16];
        assert_int_equal(32, unhex(c->key, key));
        assert_int_equal(12, unhex(c->nonce, nonce));
        sellify_str_t a = { (char *) aad, unhex(c->aad, aad) };
        sellify_str_t p = { (char *) plain, unhex(c->plain, plain) };
        size_t len = unhex(c->cipher, cipher);
        unhex(c->tag, tag);
        assert_int_equal(0, seal_encrypt(key, nonce, a, p, out, out_tag));
        assert_memory_equal(cipher, out, len);
        assert_memory_equal(tag, out_tag, 16);
        sellify_str_t k = { (char *) cipher, len };
        assert_int_equal(0, seal_decrypt(key, nonce, a, k, tag, out));
        assert_memory_equal(plain, out, len);
        tag[15] ^= 1;
        assert_int_equal(-1, seal_decrypt(key, nonce, a, k, tag, out));
    }
}

static void
test_hkdf(void **state)
{
    (void) state;
    uint8_t ikm[80], salt[80], info[80], okm[82], out[82];
    /* RFC 5869, A.1 */
    memset(ikm, 0x0b, 22);
    size_t salt_len = unhex("000102030405060708090a0b0c", salt);
    size_t info_len = unhex("f0f1f2f3f4f5f6f7f8f9", info);
    size_t len = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db0"
                       "2d56ecc4c5bf34007208d5b887185865",
        okm);
    assert_int_equal(42, len);
    assert_int_equal(
        0, seal_derive((sellify_str_t){ (char *) ikm, 22 },
               (sellify_str_t){ (char *) salt, salt_len },
               (sellify_str_t){ (char *) info, info_len }, out, len));
    assert_memory_equal(okm, out, len);
    /* A.2: long inputs */
    for (int i = 0; i < 80; i++) {
        ikm[i] = (uint8_t) i;
        salt[i] = (uint8_t) (0x60 + i);
        info[i] = (uint8_t) (0xb0 + i);
    }
    len = unhex("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19af"
                "a97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9"
                "aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        okm);
    assert_int_equal(82, len);
    assert_int_equal(0, seal_derive((sellify_str_t){ (char *) ikm, 80 },
                            (sellify_str_t){ (char *) salt, 80 },
                            (sellify_str_t){ (char *) info, 80 }, out, len));
    assert_memory_equal(okm, out, len);
    /* A.3: no salt, no info */
    memset(ikm, 0x0b, 22);
    len = unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c73"
                "8d2d9d201395faa4b61a96c8",
        okm);
    assert_int_equal(
        0, seal_derive((sellify_str_t){ (char *) ikm, 22 },
               (sellify_str_t){ "", 0 }, (sellify_str_t){ "", 0 }, out, len));
    assert_memory_equal(okm, out, len);
}

static void
test_hmac(void **state)
{
    (void) state;
    uint8_t expected[32], mac[32], key[20];
    sellify_str_t parts[2] = { sellify_str("what do ya want "),
        sellify_str("for nothing?") };
    /* RFC 4231, cases 2 and 1 */
    unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        expected);
    assert_int_equal(0, seal_mac(sellify_str("Jefe"), parts, 2, mac));
    assert_memory_equal(expected, mac, 32);
    memset(key, 0x0b, sizeof(key));
    parts[0] = sellify_str("Hi There");
    unhex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        expected);
    assert_int_equal(
        0, seal_mac((sellify_str_t){ (char *) key, 20 }, parts, 1, mac));
    assert_memory_equal(expected, mac, 32);
}

static void
test_place(void **state)
{
    (void) state;
    uint8_t key[32] = { 1 }, other[32] = { 2 };
    sellify_str_t plain = sellify_str("33612345678");
    uint8_t sealed[64], again[64], out[64];
    size_t len = plain.len + SEAL_OVERHEAD;
    seal_place_t here = { "message", 7, "text" };
    uint32_t id;

    assert_int_equal(0, seal_close(key, 3, &here, plain, sealed));
    assert_int_equal(0, seal_close(key, 3, &here, plain, again));
    assert_memory_not_equal(sealed, again, len);
    assert_int_equal(0, seal_key_id(sealed, len, &id));
    assert_int_equal(3, id);
    assert_int_equal(0, seal_open(key, &here, sealed, len, out));
    assert_memory_equal(plain.data, out, plain.len);

    const seal_place_t elsewhere[] = { { "message", 8, "text" },
        { "messages", 7, "text" }, { "message", 7, "name" },
        { "messagetext", 7, "t" } };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(-1, seal_open(key, &elsewhere[i], sealed, len, out));
    }
    assert_int_equal(-1, seal_open(other, &here, sealed, len, out));
    for (size_t i = 0; i < len; i++) {
        sealed[i] ^= 0x40;
        memset(out, 'x', sizeof(out));
        assert_int_equal(-1, seal_open(key, &here, sealed, len, out));
        assert_true(i == 0 || out[0] == 0); /* cleansed */
        sealed[i] ^= 0x40;
    }
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(-1, seal_open(key, &here, sealed, i, out));
    }
}

static void
test_sizes(void **state)
{
    (void) state;
    uint8_t key[32] = { 9 };
    seal_place_t here = { "t", -1, "c" };
    uint8_t sealed[SEAL_OVERHEAD], out[1];
    assert_int_equal(0,
        seal_close(key, UINT32_MAX, &here, (sellify_str_t){ "", 0 }, sealed));
    assert_int_equal(0, seal_open(key, &here, sealed, sizeof(sealed), out));

    static char long_name[80];
    seal_place_t bad = { long_name, 1, "c" };
    memset(long_name, 'n', sizeof(long_name) - 1);
    assert_int_equal(
        -1, seal_close(key, 1, &bad, (sellify_str_t){ "", 0 }, sealed));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gcm),
        cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
