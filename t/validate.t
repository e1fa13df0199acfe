# POST /validate: the verdict on a text.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();
run_tests();

__DATA__

=== TEST 1: a good text, as the first API's clients read it
--- request
POST /api/v1/validate
{"text":"Bonjour, comment puis-je vous aider ?"}
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"valid":true,"validated_text":"Bonjour, comment puis-je vous aider \?","error":null,"violations":\[\]



=== TEST 2: a forbidden word, as the policy lists it
--- request
POST /api/v1/validate
{"text":"Je suis une AI"}
--- response_body_like: ^\{"valid":false,"validated_text":null,"error":"Generated text contains forbidden word: ai","violations":\[\{"rule":"forbidden-word","term":"ai","start":12,"end":14\}\],"fallback_text":



=== TEST 3: the same path without /api/v1
--- request
POST /validate
{"text":"Bonjour"}
--- response_body_like: "valid":true



=== TEST 4: several violations, all listed, offsets in characters
--- request
POST /validate
{"text":"Été : je suis un robot, écrivez à moi@evil.example"}
--- response_body_like: "rule":"forbidden-word".*"rule":"contact"



=== TEST 5: a price that is in the catalogue, and one that is not
--- more_http
sellify_products $TEST_NGINX_SELLIFY_ROOT/conf/products.json;
--- request eval
["POST /validate\n{\"text\":\"Il coute 123,45 euros.\"}"]
--- response_body_like eval
['"rule":"price"']



=== TEST 6: a length of the caller
--- request
POST /validate
{"text":"Bonjour à vous","max_length":5}
--- response_body_like: "rule":"length"



=== TEST 7: an unknown product is 400
--- request
POST /validate
{"text":"Bonjour","product_id":"nothing"}
--- error_code: 400
--- response_body_like: "errors":\[\{"pointer":"/product_id"



=== TEST 8: no text
--- request
POST /validate
{}
--- error_code: 400
--- response_body_like: "pointer":"/text"



=== TEST 9: a text of another type
--- request
POST /validate
{"text":["Bonjour"]}
--- error_code: 400
--- response_body_like: "pointer":"/text"



=== TEST 10: long, with escapes, still one answer
--- request eval
"POST /validate\n{\"text\":\"" . ("Bonjour \\u00e9t\\u00e9. " x 1500) . "\"}"
--- response_body_like: "rule":"length"



=== TEST 11: variables
--- config
location / { sellify_api on; add_header X-Said "[$sellify_valid] [$sellify_violation]"; }
--- request eval
["POST /validate\n{\"text\":\"Bonjour\"}", "POST /validate\n{\"text\":\"Je suis un robot\"}"]
--- response_headers eval
["X-Said: [1] []", "X-Said: [0] [forbidden-word]"]
