# Health: alive always, ready when everything that matters is there.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();
run_tests();

__DATA__

=== TEST 1: the three paths, without a key
--- request eval
["GET /health", "GET /api/v1/health", "GET /api/v1/health/live", "GET /api/v1/health/ready"]
--- key: none
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
['"service":"sellify-core"', '"service":"sellify-core"', '"status":"healthy"', '"status":"ready"']



=== TEST 2: without a worker ready says what is off
--- request
GET /api/v1/health/ready
--- response_body_like: "state":"off","worker":"off","database":"off","license":"not_required","ai":"off","whatsapp":"off","ruleset_version":0



=== TEST 3: with a worker
--- state
hours always
policy 12 $ROOT/conf/policy.json $ROOT/conf/products.json
whatsapp ok
--- request
GET /api/v1/health/ready
--- response_body_like: ^\{"status":"ready","service":"sellify-core","version":"[0-9.]+","state":"ok","worker":"ok","database":"ok","license":"not_required","ai":"ok","whatsapp":"ok","ruleset_version":12\}$



=== TEST 4: the worker is away
--- state
hours always
age 10
--- request
GET /api/v1/health/ready
--- error_code: 503
--- response_headers
Retry-After: 3
--- response_body_like: ^\{"status":"not_ready",.*"state":"stale","worker":"down"



=== TEST 5: the database is down
--- state
database down
--- request
GET /api/v1/health/ready
--- error_code: 503
--- response_body_like: "database":"down"



=== TEST 6: the license
--- state
license expired
--- request
GET /api/v1/health/ready
--- error_code: 503
--- response_body_like: "license":"expired"



=== TEST 7: AI and WhatsApp down: said, and ready all the same
--- state
ai down
whatsapp degraded
--- request
GET /api/v1/health/ready
--- response_body_like: "status":"ready".*"ai":"down","whatsapp":"degraded"



=== TEST 8: alive whatever the worker does
--- state
age 10
database down
--- request
GET /api/v1/health/live
--- response_body_like: "status":"healthy"



=== TEST 9: HEAD, and another method
--- request eval
["HEAD /health", "POST /health", "OPTIONS /health"]
--- error_code eval
[200, 405, 204]



=== TEST 10: an id on every answer: the client's when it is sane
--- request eval
["GET /health", "GET /health", "GET /health", "GET /health"]
--- more_headers eval
["X-Request-Id: abc-123_X.y", "X-Request-Id: a b", "X-Request-Id: " . ("x" x 65), "X-Request-Id: one\nX-Request-Id: two"]
--- response_headers_like eval
["X-Request-Id: ^abc-123_X\\.y\$", "X-Request-Id: ^[0-9a-f]{32}\$", "X-Request-Id: ^[0-9a-f]{32}\$", "X-Request-Id: ^[0-9a-f]{32}\$"]



=== TEST 11: a ruleset that does not load, and none before it
--- state
hours always
ruleset-hash 5
--- request
GET /api/v1/health/ready
--- error_code: 503
--- response_body_like: ^\{"status":"not_ready",.*"state":"ruleset_refused"
--- no_error_log
[alert]
