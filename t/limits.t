# limit_req per key.  Each block once: what a zone has counted stays counted.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(1);
no_shuffle();
no_long_string();
run_tests();

__DATA__

=== TEST 1: limit_req by key, before the access phase
--- more_http
limit_req_zone $sellify_client zone=k:1m rate=1r/m;
--- config eval
$SellifyModule::Problem . 'location / { limit_req zone=k; limit_req_status 429; sellify_auth read; root html; }'
--- request eval
["GET /index.html", "GET /index.html", "GET /index.html", "GET /index.html"]
--- more_headers eval
["X-API-Key: key-of-reader", "X-API-Key: key-of-admin", "X-API-Key: key-of-reader", "X-API-Key: key-of-both"]
--- error_code eval
[200, 200, 429, 200]
--- no_error_log
[alert]



=== TEST 2: the anonymous are limited by address, and told when to come back
--- more_http
limit_req_zone $sellify_client zone=a:1m rate=1r/m;
--- config eval
$SellifyModule::Problem . 'location / { limit_req zone=a; limit_req_status 429; sellify_api on; }'
--- request eval
["GET /health", "GET /health"]
--- key: none
--- error_code eval
[200, 429]
--- response_headers eval
["! Retry-After", "Retry-After: 1"]
--- response_body_like eval
["healthy", "too many requests"]
--- no_error_log
[alert]
