# POST /decision: the engine behind HTTP, and what the caller may leave out.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our $Given = '"quotas_available":true,"is_active_hours":true';

run_tests();

__DATA__

=== TEST 1: what the first API's clients send and read
--- request
POST /api/v1/decision
{"incoming_message":"Je voudrais des informations","conversation_state":"Discovery","quotas_available":true,"is_active_hours":true,"sentiment_detected":null}
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"action":"RespondText","details":null,"rule":"respond-text",



=== TEST 2: the same path without /api/v1
--- request
POST /decision
{"incoming_message":"Bonjour","quotas_available":true,"is_active_hours":true}
--- response_body_like: "action":"RespondText"



=== TEST 3: outside hours
--- request
POST /api/v1/decision
{"incoming_message":"Bonjour","quotas_available":true,"is_active_hours":false}
--- response_body_like: ^\{"action":"Ignore",.*"rule":"outside-hours"



=== TEST 4: no quota
--- request
POST /api/v1/decision
{"incoming_message":"Bonjour","quotas_available":false,"is_active_hours":true}
--- response_body_like: ^\{"action":"Delay","details":"3600 seconds","rule":"quota",.*"delay_seconds":3600



=== TEST 5: a threat reaches a human, at night too
--- request
POST /api/v1/decision
{"incoming_message":"Je vais te tuer","quotas_available":false,"is_active_hours":false}
--- response_body_like: ^\{"action":"AlertHuman",.*"rule":"alert",.*"trigger":"threat"



=== TEST 6: sentiment given by the caller
--- request eval
["POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"sentiment_detected\":\"anger\"}",
"POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"sentiment_detected\":\"happy\"}"]
--- response_body_like eval
['"action":"AlertHuman"', '"action":"RespondText"']



=== TEST 7: an empty message is not understood, no error
--- request
POST /decision
{"incoming_message":"","quotas_available":true,"is_active_hours":true}
--- response_body_like: ^\{"action":"Ignore",.*"rule":"not-understood"



=== TEST 8: opted out, paused, terminal
--- request eval
["POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"opted_out\":true}",
"POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"paused\":true}",
"POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"conversation_state\":\"Frozen\"}"]
--- response_body_like eval
['"rule":"opted-out"', '"rule":"paused"', '"rule":"terminal-state"']



=== TEST 9: without live counters an answer that needs them is 503
--- request
POST /decision
{"incoming_message":"Bonjour","is_active_hours":true}
--- error_code: 503
--- response_headers
Retry-After: 3
Content-Type: application/problem+json
--- response_body_like: live counters are not there



=== TEST 10: without live hours an answer that needs them is 503
--- more_http
sellify_policy $TEST_NGINX_SERVER_ROOT/html/policy.json;
--- user_files
>>> policy.json
{"timezone":"Europe/Paris","active_hours":{"monday":["09:00-09:01"]}}
--- request
POST /decision
{"incoming_message":"Bonjour","quotas_available":true}
--- error_code: 503
--- response_body_like: hours are not known



=== TEST 11: live counters and hours
--- state
instance default used 3 10 20 0 0 limits 30 200 1000 50 20
hours always
--- request
POST /decision
{"incoming_message":"Bonjour"}
--- response_body_like: ^\{"action":"RespondText"



=== TEST 12: live: the hour's quota is used up
--- state
instance default used 30 40 50 0 0 limits 30 200 1000 50 20
hours always
--- request
POST /decision
{"incoming_message":"Bonjour"}
--- response_body_like: ^\{"action":"Delay","details":"1[78]\d\d seconds","rule":"quota"



=== TEST 13: live: outside the published hours
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
hours never
policy 3 $ROOT/t/data/hours-policy.json
--- request
POST /decision
{"incoming_message":"Bonjour"}
--- response_body_like: "action":"Ignore",.*"rule":"outside-hours",.*"ruleset_version":3



=== TEST 14: live: hours that are no longer known
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
hours until -1
policy 3 $ROOT/t/data/hours-policy.json
--- request
POST /decision
{"incoming_message":"Bonjour"}
--- error_code: 503



=== TEST 15: live: an unknown instance is 404
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
hours always
--- request
POST /decision
{"incoming_message":"Bonjour","instance":"nowhere"}
--- error_code: 404
--- response_body_like: "errors":\[\{"pointer":"/instance"



=== TEST 16: live: a license that is required and expired
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
hours always
license expired
--- request
POST /decision
{"incoming_message":"Bonjour","quotas_available":true,"is_active_hours":true}
--- response_body_like: ^\{"action":"StopAutomation",.*"rule":"license"



=== TEST 17: stale: what is given is answered, what is not is 503
--- state
instance default used 0 0 0 0 0 limits 30 200 1000 50 20
hours always
age 10
--- request eval
["POST /decision
{\"incoming_message\":\"Bonjour\",$::Given}",
"POST /decision
{\"incoming_message\":\"Bonjour\",\"is_active_hours\":true}"]
--- error_code eval
[200, 503]



=== TEST 18: variables
--- config
location / { sellify_api on;
    add_header X-Said "[$sellify_action] [$sellify_rule] [$sellify_trigger] [$sellify_valid]"; }
--- request eval
["POST /decision
{\"incoming_message\":\"Je vais te tuer\",$::Given}",
"POST /decision
{\"incoming_message\":\"Bonjour\",$::Given}",
"GET /health"]
--- response_headers eval
["X-Said: [AlertHuman] [alert] [threat] []", "X-Said: [RespondText] [respond-text] [] []", "X-Said: [] [] [] []"]



=== TEST 19: the same question, the same answer
--- request eval
["POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"conversation_id\":\"c1\"}",
"POST /decision
{\"incoming_message\":\"Bonjour\",$::Given,\"conversation_id\":\"c1\"}"]
--- response_body_like eval
['"delay_seconds":\d+', '"delay_seconds":\d+']
