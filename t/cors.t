# CORS: preflight before any key, exact and wildcard origins, an upstream's
# headers replaced, nothing for origins that are not listed.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our $Api = 'sellify_cors_origin https://shop.example https://*.market.example *.any.example;
location / { sellify_auth api; sellify_api on; }' . $SellifyModule::Problem;
our $Preflight = "Access-Control-Request-Method: POST\nAccess-Control-Request-Headers: x-api-key\n";

run_tests();

__DATA__

=== TEST 1: closed by default
--- request
GET /health
--- more_headers
Origin: https://shop.example
--- response_headers
! Access-Control-Allow-Origin
! Vary



=== TEST 2: preflight needs no key
--- config eval: $::Api
--- request
OPTIONS /api/v1/decision
--- more_headers eval
"Origin: https://shop.example\n$::Preflight"
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://shop.example
Access-Control-Allow-Methods: GET, POST, PUT, DELETE
Access-Control-Allow-Headers: Content-Type, X-API-Key, Authorization, X-Request-Id, Idempotency-Key
Access-Control-Max-Age: 600
! Access-Control-Allow-Credentials
--- raw_response_headers_like: Vary: Origin\r\nVary: Access-Control-Request-Method, Access-Control-Request-Headers



=== TEST 3: preflight of an unknown origin: no CORS header
--- config eval: $::Api
--- request
OPTIONS /api/v1/decision
--- more_headers eval
"Origin: https://evil.example\n$::Preflight"
--- error_code: 204
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Methods
! Access-Control-Allow-Headers
! Access-Control-Max-Age



=== TEST 4: OPTIONS that is no preflight is answered by the API, with its key
--- config eval: $::Api
--- request
OPTIONS /api/v1/decision
--- more_headers
Origin: https://shop.example
X-API-Key: key-of-decider
--- error_code: 204
--- response_headers
Allow: POST, OPTIONS
Access-Control-Allow-Origin: https://shop.example
! Access-Control-Allow-Methods



=== TEST 5: an answer
--- config eval: $::Api
--- request
GET /health
--- more_headers
Origin: https://shop.example
--- response_headers
Access-Control-Allow-Origin: https://shop.example
Access-Control-Expose-Headers: X-Request-Id, Retry-After
Vary: Origin



=== TEST 6: an error has the headers too
--- config eval: $::Api
--- request
POST /api/v1/decision
{}
--- more_headers
Origin: https://shop.example
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://shop.example
Vary: Origin



=== TEST 7: no Origin: Vary all the same, for caches
--- config eval: $::Api
--- request
GET /health
--- more_headers
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== TEST 8: wildcard: a sub-domain, and one of a sub-domain
--- config eval: $::Api
--- request eval
["GET /health", "GET /health"]
--- more_headers eval
["Origin: https://a.market.example", "Origin: https://a.b.Market.example"]
--- response_headers eval
["Access-Control-Allow-Origin: https://a.market.example", "Access-Control-Allow-Origin: https://a.b.Market.example"]



=== TEST 9: wildcard: not the domain itself, another scheme, a port, a look-alike
--- config eval: $::Api
--- request eval
["GET /health", "GET /health", "GET /health", "GET /health", "GET /health"]
--- more_headers eval
["Origin: https://market.example", "Origin: http://a.market.example", "Origin: https://a.market.example:8443",
"Origin: https://evilmarket.example", "Origin: https://a.market.example.evil.example"]
--- response_headers eval
["! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin"]



=== TEST 10: wildcard without a scheme takes any scheme
--- config eval: $::Api
--- request eval
["GET /health", "GET /health", "GET /health"]
--- more_headers eval
["Origin: http://a.any.example", "Origin: https://a.any.example", "Origin: a.any.example"]
--- response_headers eval
["Access-Control-Allow-Origin: http://a.any.example", "Access-Control-Allow-Origin: https://a.any.example", "! Access-Control-Allow-Origin"]



=== TEST 11: wildcard: nothing that only ends like an origin
--- config eval: $::Api
--- request eval
["GET /health", "GET /health", "GET /health", "GET /health"]
--- more_headers eval
["Origin: https://evil.example/.any.example", "Origin: https://u\@x.any.example", "Origin: https://.any.example", "Origin: https://evil:1.any.example"]
--- response_headers eval
["! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin"]



=== TEST 12: two Origin headers, and null
--- config eval: $::Api
--- request eval
["GET /health", "GET /health"]
--- more_headers eval
["Origin: https://shop.example\nOrigin: https://shop.example", "Origin: null"]
--- response_headers eval
["! Access-Control-Allow-Origin", "! Access-Control-Allow-Origin"]



=== TEST 13: every origin
--- config
sellify_cors_origin *;
location / { sellify_api on; }
--- request
GET /health
--- more_headers
Origin: https://anything.example
--- response_headers
Access-Control-Allow-Origin: *
! Vary



=== TEST 14: every origin: also for a request without one, as caches do not vary
--- config
sellify_cors_origin *;
location / { sellify_api on; }
--- request
GET /health
--- more_headers
--- response_headers
Access-Control-Allow-Origin: *
! Vary



=== TEST 15: credentials, lists and age as told
--- config
sellify_cors_origin https://shop.example;
sellify_cors_credentials on;
sellify_cors_methods GET PATCH;
sellify_cors_headers X-One X-Two;
sellify_cors_max_age 1h;
sellify_cors_expose X-Three;
location / { sellify_api on; }
--- request
OPTIONS /health
--- more_headers eval
"Origin: https://shop.example\n$::Preflight"
--- error_code: 204
--- response_headers
Access-Control-Allow-Credentials: true
Access-Control-Allow-Methods: GET, PATCH
Access-Control-Allow-Headers: X-One, X-Two
Access-Control-Max-Age: 3600
! Access-Control-Expose-Headers



=== TEST 16: a proxied answer: the upstream's headers are replaced
--- more_http
server {
    listen unix:$TEST_NGINX_SELLIFY_DIR/up.sock;
    location / {
        add_header Access-Control-Allow-Origin *;
        add_header Access-Control-Allow-Credentials true;
        add_header X-Request-Id of-the-upstream;
        return 200 "up";
    }
}
--- config
sellify_cors_origin https://shop.example;
location / { sellify_auth off; proxy_pass http://unix:$TEST_NGINX_SELLIFY_DIR/up.sock; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Origin: https://shop.example\nX-Request-Id: mine", "Origin: https://evil.example\nX-Request-Id: mine"]
--- response_headers eval
["Access-Control-Allow-Origin: https://shop.example
! Access-Control-Allow-Credentials
X-Request-Id: mine", "! Access-Control-Allow-Origin
! Access-Control-Allow-Credentials"]



=== TEST 17: switched off in one location
--- config
sellify_cors_origin https://shop.example;
location = /health { sellify_cors_origin off; sellify_api on; }
location / { sellify_api on; }
--- request eval
["GET /health", "GET /api/v1/health"]
--- more_headers
Origin: https://shop.example
--- response_headers eval
["! Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://shop.example"]
