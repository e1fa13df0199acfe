# Keys and scopes: sellify_auth, sellify_keys, satisfy, $sellify_client.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();
run_tests();

__DATA__

=== TEST 1: no key
--- config eval
$SellifyModule::Problem . 'location = /t { sellify_auth decide; return 204; }
location / { sellify_auth decide; root html; }'
--- key: none
--- request
GET /index.html
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="sellify"
Content-Type: application/problem+json
--- response_body chomp
{"type":"about:blank","title":"Unauthorized","status":401,"detail":"this needs a key in X-API-Key or Authorization: Bearer","errors":[]}



=== TEST 2: an unknown key
--- request
GET /api/v1/quota
--- key: nobody
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="sellify"
--- response_body_like: "detail":"the key is not known"



=== TEST 3: an empty key
--- request
GET /api/v1/quota
--- more_headers
X-API-Key:
--- error_code: 401



=== TEST 4: a key that is too long
--- request
GET /api/v1/quota
--- more_headers eval
"X-API-Key: " . ("k" x 257)
--- error_code: 401



=== TEST 5: a key that comes twice
--- request
GET /api/v1/quota
--- more_headers
X-API-Key: key-of-admin
X-API-Key: key-of-admin
--- error_code: 401



=== TEST 6: X-API-Key
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"ProductQuestion"}
--- key: decider
--- response_body chomp
{"new_state":"Interest"}



=== TEST 7: Bearer, and the scheme in any case
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"ProductQuestion"}
--- more_headers
Content-Type: application/json
Authorization: bearer key-of-decider
--- response_body chomp
{"new_state":"Interest"}



=== TEST 8: Basic is no key
--- request
GET /api/v1/quota
--- more_headers
Authorization: Basic a2V5LW9mLWRlY2lkZXI=
--- error_code: 401
--- response_body_like: this needs a key



=== TEST 9: X-API-Key goes before Authorization
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"ProductQuestion"}
--- more_headers
Content-Type: application/json
X-API-Key: key-of-decider
Authorization: Bearer something-of-whatsapp-api
--- error_code: 200



=== TEST 10: a key without the scope; the scope is named
--- request
POST /api/v1/decision
{"incoming_message":"Bonjour"}
--- key: reader
--- error_code: 403
--- response_headers
! WWW-Authenticate
--- response_body chomp
{"type":"about:blank","title":"Forbidden","status":403,"detail":"the key lacks the scope decide","errors":[]}



=== TEST 11: decide does not read
--- request
GET /api/v1/products
--- key: decider
--- error_code: 403
--- response_body_like: the key lacks the scope read



=== TEST 12: what is not listed needs admin
--- request
PUT /api/v1/config
--- key: both
--- error_code: 403
--- response_body_like: the key lacks the scope admin



=== TEST 13: admin has every scope
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"Freeze"}
--- key: admin
--- response_body chomp
{"new_state":"Frozen"}



=== TEST 14: a scope by name, inherited, and switched off
--- config
sellify_auth send;
location = /public { sellify_auth off; root html; }
location / { root html; }
--- request eval
["GET /index.html", "GET /public"]
--- key: none
--- error_code eval
[401, 404]
--- no_error_log
[alert]



=== TEST 15: a wrong method is 405, not 403
--- request
GET /api/v1/decision
--- key: decider
--- error_code: 405
--- response_headers
Allow: POST, OPTIONS



=== TEST 16: satisfy any: the address is enough
--- config eval
$SellifyModule::Problem . 'location / { satisfy any; allow 127.0.0.1; deny all; sellify_auth admin; root html; }'
--- request
GET /index.html
--- key: none
--- error_code: 200
--- response_headers
! WWW-Authenticate



=== TEST 17: satisfy any: the key is enough
--- config eval
$SellifyModule::Problem . 'location / { satisfy any; deny all; sellify_auth admin; root html; }'
--- request
GET /index.html
--- key: admin
--- error_code: 200



=== TEST 18: satisfy any: neither
--- config eval
$SellifyModule::Problem . 'location / { satisfy any; deny all; sellify_auth admin; root html; }'
--- request
GET /index.html
--- key: reader
--- error_code: 403
--- no_error_log
[alert]



=== TEST 19: satisfy all: both are needed
--- config eval
$SellifyModule::Problem . 'location / { allow 127.0.0.1; deny all; sellify_auth admin; root html; }'
--- request eval
["GET /index.html", "GET /index.html"]
--- more_headers eval
["X-API-Key: key-of-admin", "X-API-Key: key-of-nobody"]
--- error_code eval
[200, 401]



=== TEST 20: $sellify_client and $sellify_scope
--- config
location / { return 200 "$sellify_client $sellify_scope"; }
location = /used { sellify_auth read; root html; }
--- request
GET /t
--- key: both
--- response_body chomp
both read,decide



=== TEST 21: $sellify_client of the anonymous is the address, never empty
--- config
location / { set $a $sellify_client; add_header X-Length "[$a]"; return 200 ok; }
location = /used { sellify_auth read; root html; }
--- request
GET /t
--- key: none
--- raw_response_headers_like eval
qr/X-Length: \[\x7f\x00\x00\x01\]/



=== TEST 22: health is public
--- request
GET /api/v1/health/live
--- key: none
--- error_code: 200



=== TEST 23: live keys: the worker's, besides those of the file
--- state
instance shop used 0 0 0 0 0 limits 30 200 1000 50 20
key worker-made = read,decide
hours always
--- request eval
["GET /api/v1/quota", "GET /api/v1/quota"]
--- more_headers eval
["X-API-Key: key-of-worker-made", "X-API-Key: key-of-reader"]
--- error_code eval
[200, 200]



=== TEST 24: a live key limited to an instance
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
instance shop used 1 1 1 0 0 limits 30 200 1000 50 20
key one-shop = read,decide 1
hours always
--- request eval
["GET /api/v1/quota?instance=shop", "GET /api/v1/quota?instance=default", "GET /api/v1/quota"]
--- more_headers
X-API-Key: key-of-one-shop
--- error_code eval
[200, 403, 403]
--- response_body_like eval
['"instance":"shop"', 'limited to other instances', 'limited to other instances']



=== TEST 25: a key of the file limited to instances
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
instance shop used 1 1 1 0 0 limits 30 200 1000 50 20
hours always
--- request eval
["GET /api/v1/quota?instance=shop", "GET /api/v1/quota?instance=default"]
--- key: shopkey
--- error_code eval
[200, 403]



=== TEST 26: ... also in a decision that needs no live data
--- request eval
["POST /api/v1/decision
{\"incoming_message\":\"Bonjour\",\"quotas_available\":true,\"is_active_hours\":true,\"instance\":\"shop\"}",
"POST /api/v1/decision
{\"incoming_message\":\"Bonjour\",\"quotas_available\":true,\"is_active_hours\":true,\"instance\":\"mine\"}"]
--- key: shopkey
--- error_code eval
[200, 403]
