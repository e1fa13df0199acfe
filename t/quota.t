# GET /quota, GET /quota/status, POST /quota/check: straight from the state file.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our $Shop = "hours always\ninstance shop used 3 10 20 4 2 limits 30 200 1000 50 20\n";

run_tests();

__DATA__

=== TEST 1: the counters, with the names that the first API's clients read
--- state eval: $::Shop
--- request
GET /api/v1/quota/status
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"instance":"shop","messages_this_hour":3,"messages_today":10,"messages_this_week":20,"images_today":4,"videos_this_week":2,"limits":\{"hour":30,"day":200,"week":1000,"images":50,"videos":20\},"remaining":\{"hour":27,"day":190,"week":980,"images":46,"videos":18\},"last_reset":"[0-9TZ:-]+","next_daily_reset":"[0-9TZ:-]+","next_weekly_reset":"[0-9TZ:-]+","needs_daily_reset":false,"needs_weekly_reset":false\}$



=== TEST 2: /quota is the same; /quota/status has no bare form
--- state eval: $::Shop
--- config
location = /other { sellify_auth read; return 204; }
location = /quota/status { sellify_auth read; sellify_api on; return 404; }
location / { sellify_api on; }
--- request eval
["GET /quota", "GET /api/v1/quota", "GET /quota/status"]
--- error_code eval
[200, 200, 404]



=== TEST 3: an instance by name
--- state eval
$::Shop . "instance second used 0 0 0 0 0 limits 1 2 3 4 5\n"
--- request
GET /api/v1/quota?instance=second
--- response_body_like: "instance":"second".*"limits":\{"hour":1,"day":2,"week":3,"images":4,"videos":5\}



=== TEST 4: without a name: the only one
--- state eval: $::Shop
--- request
GET /api/v1/quota
--- response_body_like: "instance":"shop"



=== TEST 5: without a name and several: default
--- state eval
$::Shop . "instance default used 0 0 0 0 0 limits 1 2 3 4 5\n"
--- request
GET /api/v1/quota
--- response_body_like: "instance":"default"



=== TEST 6: without a name, several, and none is default
--- state eval
$::Shop . "instance second used 0 0 0 0 0 limits 1 2 3 4 5\n"
--- request
GET /api/v1/quota
--- error_code: 404



=== TEST 7: an unknown one, and a name that cannot be
--- state eval: $::Shop
--- request eval
["GET /api/v1/quota?instance=nowhere", "GET /api/v1/quota?instance=a/b"]
--- error_code eval
[404, 400]
--- response_body_like eval
['"pointer":"/instance"', '"pointer":"/instance"']



=== TEST 8: HEAD
--- state eval: $::Shop
--- request
HEAD /api/v1/quota
--- response_body
--- response_headers_like
Content-Length: \d{3}



=== TEST 9: another method
--- state eval: $::Shop
--- request
DELETE /api/v1/quota
--- error_code: 405
--- response_headers
Allow: GET, HEAD, OPTIONS



=== TEST 10: check: text, image, video
--- state eval: $::Shop
--- request eval
[map { "POST /api/v1/quota/check\n{\"message_type\":\"$_\"}" } qw(text image video)]
--- response_body_like eval
['^\{"can_send":true,"delay_seconds":\d+,"remaining":27\}$', '^\{"can_send":true,"delay_seconds":\d+,"remaining":27\}$', '^\{"can_send":true,"delay_seconds":\d+,"remaining":18\}$']



=== TEST 11: check: anything else is 400
--- state eval: $::Shop
--- request
POST /api/v1/quota/check
{"message_type":"hologram"}
--- error_code: 400
--- response_body_like: "pointer":"/message_type"



=== TEST 12: check: an empty body is 400
--- state eval: $::Shop
--- request
POST /api/v1/quota/check
--- error_code: 400



=== TEST 13: check: used up; the latest window that is exhausted
--- state
hours always
instance shop used 30 200 20 0 0 limits 30 200 1000 50 20
--- request
POST /api/v1/quota/check
{"message_type":"text"}
--- response_body_like: ^\{"can_send":false,"delay_seconds":7[12]\d\d,"remaining":0\}$



=== TEST 14: check: no images left, texts yes
--- state
hours always
instance shop used 1 1 1 50 0 limits 30 200 1000 50 20
--- request eval
[map { "POST /api/v1/quota/check\n{\"message_type\":\"$_\"}" } qw(text image)]
--- response_body_like eval
['"can_send":true', '"can_send":false']



=== TEST 15: without a state file
--- request eval
["GET /api/v1/quota", "POST /api/v1/quota/check\n{\"message_type\":\"text\"}"]
--- error_code eval
[503, 503]
--- response_headers eval
["Retry-After: 3", "Retry-After: 3"]



=== TEST 16: stale
--- state eval
$::Shop . "age 4\n"
--- request
GET /api/v1/quota
--- error_code: 503
