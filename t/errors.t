# What is wrong is told: status, problem document, pointer, and the headers that
# belong to the status; for the module's errors and for nginx's own.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our $Api = $SellifyModule::Problem
    . 'location / { sellify_auth api; sellify_api on; client_max_body_size 8m; }';
our $Form = "X-API-Key: key-of-both\nContent-Type: application/x-www-form-urlencoded\n";
our $Json = "X-API-Key: key-of-both\nContent-Type: application/json\n";

run_tests();

__DATA__

=== TEST 1: not JSON
--- request
POST /decision
{"incoming_message":
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
--- response_body_like: ^\{"type":"about:blank","title":"Bad Request","status":400,"detail":".+","errors":\[\{"pointer":"[^"]*","detail":".+"\}\]\}$



=== TEST 2: wrong type: the member is named
--- request
POST /decision
{"incoming_message":12}
--- error_code: 400
--- response_body_like: "pointer":"/incoming_message"



=== TEST 3: unknown enum
--- request
POST /decision
{"incoming_message":"x","conversation_state":"Nowhere"}
--- error_code: 400
--- response_body_like: "pointer":"/conversation_state"



=== TEST 4: duplicate key
--- request
POST /decision
{"incoming_message":"x","incoming_message":"y"}
--- error_code: 400
--- response_body_like: "pointer":"/incoming_message"



=== TEST 5: bad UTF-8, \u0000, a lone surrogate, trailing bytes
--- request eval
["POST /decision\n{\"incoming_message\":\"\xff\"}", "POST /decision\n{\"incoming_message\":\"\\u0000\"}",
"POST /decision\n{\"incoming_message\":\"\\ud800\"}", "POST /decision\n{\"incoming_message\":\"x\"} x"]
--- error_code eval
[400, 400, 400, 400]



=== TEST 6: nesting past 32
--- request eval
"POST /decision\n{\"incoming_message\":\"x\",\"more\":" . ("[" x 40) . ("]" x 40) . "}"
--- error_code: 400



=== TEST 7: an array, a string, an empty body
--- request eval
["POST /decision\n[]", "POST /decision\n\"x\"", "POST /decision"]
--- error_code eval
[400, 400, 400]



=== TEST 8: the required member is missing
--- request
POST /decision
{}
--- error_code: 400
--- response_body_like: "pointer":"/incoming_message"



=== TEST 9: 4096 characters pass, 4097 do not, in characters and not bytes
--- request eval
["POST /decision\n{\"incoming_message\":\"" . ("\xc3\xa9" x 4096) . "\",\"quotas_available\":true,\"is_active_hours\":true}",
"POST /decision\n{\"incoming_message\":\"" . ("\xc3\xa9" x 4097) . "\",\"quotas_available\":true,\"is_active_hours\":true}"]
--- error_code eval
[200, 400]



=== TEST 10: an unknown member is ignored
--- request
POST /decision
{"incoming_message":"x","quotas_available":true,"is_active_hours":true,"new_field":{"a":[1]}}
--- error_code: 200



=== TEST 11: another content type
--- request
POST /decision
a=b
--- more_headers eval: $::Form
--- error_code: 415
--- response_body_like: "status":415,"detail":"the content type must be application/json"



=== TEST 12: no content type
--- request
POST /decision
{"incoming_message":"x"}
--- more_headers
X-API-Key: key-of-both
--- error_code: 415



=== TEST 13: a content type with a parameter, in any case
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"Freeze"}
--- more_headers
X-API-Key: key-of-both
Content-Type: Application/JSON; charset=utf-8
--- error_code: 200



=== TEST 14: a content type that only begins like it
--- request
POST /decision
{"incoming_message":"x"}
--- more_headers
X-API-Key: key-of-both
Content-Type: application/jsonp
--- error_code: 415



=== TEST 15: a compressed body
--- request
POST /decision
{"incoming_message":"x"}
--- more_headers eval
$::Json . "Content-Encoding: gzip\n"
--- error_code: 415



=== TEST 16: a method
--- request eval
["GET /decision", "PUT /validate", "DELETE /api/v1/conversation/transition"]
--- error_code eval
[405, 405, 405]
--- response_headers eval
["Allow: POST, OPTIONS", "Allow: POST, OPTIONS", "Allow: POST, OPTIONS"]
--- response_body_like eval
['"status":405', '"status":405', '"status":405']



=== TEST 17: 64 KiB pass, one byte more does not
--- config eval: $::Api
--- request eval
["POST /decision\n{\"incoming_message\":\"x\",\"quotas_available\":true,\"is_active_hours\":true,\"pad\":\"" . ("p" x (65536 - 85)) . "\"}",
"POST /decision\n{\"incoming_message\":\"x\",\"quotas_available\":true,\"is_active_hours\":true,\"pad\":\"" . ("p" x 65536) . "\"}"]
--- error_code eval
[200, 413]
--- response_body_like eval
['RespondText|Ignore', '"status":413']



=== TEST 18: too large by nginx's own measure
--- config eval
$SellifyModule::Problem . 'location / { sellify_api on; client_max_body_size 100; }'
--- request eval
"POST /decision\n{\"incoming_message\":\"" . ("x" x 200) . "\"}"
--- error_code: 413
--- response_headers
Content-Type: application/problem+json
--- response_body_like: "status":413
--- no_error_log
[alert]



=== TEST 19: a chunked body
--- raw_request eval
"POST /api/v1/conversation/transition HTTP/1.1\r
Host: localhost\r
Connection: close\r
X-API-Key: key-of-both\r
Content-Type: application/json\r
Transfer-Encoding: chunked\r
\r
1b\r
{\"current_state\":\"Discovery\r
14\r
\",\"event\":\"Freeze\"} \r
0\r
\r
"
--- response_body chomp
{"new_state":"Frozen"}



=== TEST 20: a chunked body that is too large
--- config eval: $::Api
--- raw_request eval
"POST /decision HTTP/1.1\r
Host: localhost\r
Connection: close\r
X-API-Key: key-of-both\r
Content-Type: application/json\r
Transfer-Encoding: chunked\r
\r
" . "4000\r\n" . (" " x 16384) . "\r\n" . "4000\r\n" . (" " x 16384) . "\r\n" . "4000\r\n" . (" " x 16384) . "\r\n" . "4000\r\n" . (" " x 16384) . "\r\n" . "1\r\n \r\n0\r\n\r\n"
--- error_code: 413



=== TEST 21: a body in a temporary file
--- config eval
$SellifyModule::Problem . 'location / { sellify_auth api; sellify_api on; client_body_in_file_only clean; }'
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"Freeze"}
--- response_body chomp
{"new_state":"Frozen"}
--- no_error_log
[error]



=== TEST 22: a body in pieces, larger than its buffer
--- config eval
$SellifyModule::Problem . 'location / { sellify_auth api; sellify_api on; client_body_buffer_size 1k; }'
--- request eval
"POST /api/v1/conversation/transition
{\"current_state\":\"Discovery\",\"event\":\"Freeze\",\"pad\":\"" . ("p" x 9000) . "\"}"
--- response_body chomp
{"new_state":"Frozen"}



=== TEST 23: two requests in one packet
--- pipelined_requests eval
["POST /api/v1/conversation/transition
{\"current_state\":\"Discovery\",\"event\":\"Freeze\"}",
"POST /api/v1/conversation/transition
{\"current_state\":\"Discovery\",\"event\":\"PriceInterest\"}"]
--- response_body eval
['{"new_state":"Frozen"}', '{"new_state":"Intent"}']



=== TEST 24: nothing there
--- config eval
$SellifyModule::Problem . 'location / { sellify_auth off; root html; }'
--- request
GET /nothing
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
--- response_body chomp
{"type":"about:blank","title":"Not Found","status":404,"detail":"there is nothing at this path","errors":[]}
--- no_error_log
[alert]



=== TEST 25: an upstream that is not there is 503, with Retry-After
--- config eval
$SellifyModule::Problem . 'location / { sellify_api on; proxy_pass http://unix:/nonexistent/sock; }'
--- request
GET /api/v1/products
--- error_code: 503
--- response_headers
Retry-After: 3
--- response_body_like: "status":503
--- no_error_log
[alert]



=== TEST 26: an error of a worker passes as it is
--- more_http
server {
    listen unix:$TEST_NGINX_SELLIFY_DIR/up.sock;
    location / {
        default_type application/problem+json;
        return 409 '{"status":409}';
    }
}
--- config eval
$SellifyModule::Problem . 'location / { sellify_api on; proxy_pass http://unix:$TEST_NGINX_SELLIFY_DIR/up.sock; }'
--- request
POST /api/v1/products
{}
--- error_code: 409
--- response_body chomp
{"status":409}



=== TEST 27: without error_page the module's own errors are documents too
--- config
location / { sellify_api on; }
--- request
POST /decision
{}
--- error_code: 400
--- response_headers
Content-Type: application/problem+json



=== TEST 28: HEAD of an error
--- request
HEAD /decision
--- error_code: 405
--- response_body



=== TEST 29: a header too large
--- config eval: $::Api
--- request
GET /health
--- more_headers eval
"X-Big: " . ("x" x 40000)
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
--- no_error_log
[alert]



=== TEST 30: Expect: 100-continue is not encouraged for what is refused
--- raw_request eval
"POST /decision HTTP/1.1\r
Host: localhost\r
Connection: close\r
X-API-Key: key-of-both\r
Content-Type: text/plain\r
Content-Length: 10\r
Expect: 100-continue\r
\r
0123456789"
--- error_code: 415
