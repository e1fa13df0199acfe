# The webhook: its token leaves the path before anything can log it, goes on in
# a header that a client cannot set, and the worker may be away.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our $Up = 'server {
    listen unix:' . $ENV{TEST_NGINX_SELLIFY_DIR} . '/up.sock;
    location / { return 200 "$request_method $request_uri [$http_x_sellify_webhook_token] $http_x_request_id"; }
}';
our $Api = $SellifyModule::Problem . 'location / {
    sellify_auth api;
    sellify_api on;
    add_header X-Seen "$uri $sellify_uri $request";
    proxy_set_header X-Sellify-Webhook-Token $sellify_webhook_token;
    proxy_set_header X-Request-Id $sellify_request_id;
    proxy_pass http://unix:' . $ENV{TEST_NGINX_SELLIFY_DIR} . '/up.sock;
}';

run_tests();

__DATA__

=== TEST 1: the token is cut out and handed on
--- more_http eval: $::Up
--- config eval: $::Api
--- request
POST /api/v1/webhook/whatsapp/s3cr3t-token
{}
--- more_headers
X-Request-Id: id-1
--- response_body chomp
POST /api/v1/webhook/whatsapp/- [s3cr3t-token] id-1
--- response_headers
X-Seen: /api/v1/webhook/whatsapp/- /api/v1/webhook/whatsapp/- POST /api/v1/webhook/whatsapp/- HTTP/1.1
--- no_error_log
[error]



=== TEST 2: with an event behind it
--- more_http eval: $::Up
--- config eval: $::Api
--- request
POST /api/v1/webhook/whatsapp/s3cr3t-token/messages-upsert
{}
--- more_headers
X-Request-Id: id-2
--- response_body chomp
POST /api/v1/webhook/whatsapp/-/messages-upsert [s3cr3t-token] id-2



=== TEST 3: the header of a client does not get through
--- more_http eval: $::Up
--- config eval: $::Api
--- request
POST /api/v1/webhook/whatsapp
{}
--- more_headers
X-Sellify-Webhook-Token: forged
X-Request-Id: id-3
--- response_body chomp
POST /api/v1/webhook/whatsapp [] id-3



=== TEST 4: nor beside a real one, nor on other paths
--- more_http eval: $::Up
--- config eval: $::Api
--- request eval
["POST /api/v1/webhook/whatsapp/real\n{}", "GET /api/v1/products"]
--- more_headers
X-API-Key: key-of-reader
X-Sellify-Webhook-Token: forged
X-Request-Id: id-4
--- response_body eval
["POST /api/v1/webhook/whatsapp/- [real] id-4", "GET /api/v1/products [] id-4"]



=== TEST 5: the query goes to the worker and stays out of the logs
--- more_http eval: $::Up
--- config eval: $::Api
--- request
GET /api/v1/webhook/whatsapp/tok?hub.mode=subscribe&hub.verify_token=vt&hub.challenge=1
--- more_headers
X-Request-Id: id-5
--- response_body chomp
GET /api/v1/webhook/whatsapp/-?hub.mode=subscribe&hub.verify_token=vt&hub.challenge=1 [tok] id-5
--- response_headers
X-Seen: /api/v1/webhook/whatsapp/- /api/v1/webhook/whatsapp/- GET /api/v1/webhook/whatsapp/- HTTP/1.1



=== TEST 6: however the path is written
--- more_http eval: $::Up
--- config eval: $::Api
--- request eval
["POST /api/v1/%77ebhook/whatsapp/tok%2Den\n{}", "POST //api/v1/x/../webhook//whatsapp/tok\n{}"]
--- more_headers
X-Request-Id: id-6
--- response_body eval
["POST /api/v1/webhook/whatsapp/- [tok-en] id-6", "POST /api/v1/webhook/whatsapp/- [tok] id-6"]



=== TEST 7: not everything that begins like it is a webhook
--- more_http eval: $::Up
--- config eval: $::Api
--- request
POST /api/v1/webhook/whatsapps/tok
{}
--- error_code: 403



=== TEST 8: the error log does not see it either
--- config eval: $::Api
--- request
POST /api/v1/webhook/whatsapp/s3cr3t-token/x
{}
--- error_code: 503
--- error_log
request: "POST /api/v1/webhook/whatsapp/-/x HTTP/1.1"
--- no_error_log
request: "POST /api/v1/webhook/whatsapp/s3cr3t



=== TEST 9: passed on with a stale worker, when other requests are not
--- state
age 10
--- http_config eval
"sellify_state $ENV{TEST_NGINX_SELLIFY_DIR}/state;
sellify_keys $ENV{TEST_NGINX_SELLIFY_ROOT}/t/data/keys;
$::Up"
--- config eval: $::Api
--- request eval
["POST /api/v1/webhook/whatsapp/tok\n{}", "GET /api/v1/products"]
--- more_headers
X-API-Key: key-of-reader
--- error_code eval
[200, 503]
--- response_headers eval
["! Retry-After", "Retry-After: 3"]



=== TEST 10: a request that fails before the post-read phase
--- http_config eval
"sellify_keys $ENV{TEST_NGINX_SELLIFY_ROOT}/t/data/keys;"
--- config eval
$SellifyModule::Problem . 'location / { sellify_api on; }
add_header X-Uri $sellify_uri always;
location = /x { return 204; }'
--- request
POST /api/v1/webhook/whatsapp/s3cr3t-token/x?y=1
--- more_headers eval
"X-Big: " . ("x" x 40000)
--- error_code: 400
--- no_error_log
[alert]



=== TEST 11: a server without the API is left alone
--- http_config
--- config
location / { return 200 "$request_uri"; }
--- request
GET /api/v1/webhook/whatsapp/mine
--- response_body chomp
/api/v1/webhook/whatsapp/mine
