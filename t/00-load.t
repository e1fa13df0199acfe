# The module loads, every directive is known, and faults in the files that the
# directives name are told with file, line and pointer.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();
run_tests();

__DATA__

=== TEST 1: it loads and answers
--- request
GET /health
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"status":"healthy","service":"sellify-core","version":"[0-9.]+"\}$



=== TEST 2: every directive
--- http_config
sellify_policy $TEST_NGINX_SELLIFY_ROOT/conf/policy.json;
sellify_products $TEST_NGINX_SELLIFY_ROOT/conf/products.json;
sellify_keys $TEST_NGINX_SELLIFY_ROOT/t/data/keys;
sellify_state $TEST_NGINX_SELLIFY_DIR/none;
sellify_cors_origin https://a.example https://*.b.example *.c.example;
sellify_cors_methods GET POST;
sellify_cors_headers Content-Type;
sellify_cors_expose X-Request-Id;
sellify_cors_max_age 1h;
sellify_cors_credentials on;
--- config
location @sellify_problem { sellify_problem on; }
location = /metrics { sellify_metrics; }
location = /scrape { sellify_metrics /worker; }
location = /off { sellify_auth off; sellify_api off; sellify_cors_origin off; return 204; }
location /read { sellify_auth read; return 204; }
location / { sellify_api on; }
--- request
GET /off
--- error_code: 204



=== TEST 3: a module that is not used costs nothing and answers nothing
--- http_config
--- config
location = /t { return 200 "$sellify_action-$sellify_uri"; }
--- request
GET /t
--- more_headers
--- response_body chomp
-/t
--- response_headers
! X-Request-Id



=== TEST 4: an unknown scope
--- config
location / { sellify_auth everything; }
--- must_die
--- error_log
"sellify_auth" takes read, personal, decide, send, webhook, admin, api or off, not "everything"



=== TEST 5: a policy that is not there
--- http_config
sellify_policy $TEST_NGINX_SELLIFY_DIR/missing.json;
--- must_die
--- error_log
missing.json cannot be read



=== TEST 6: a policy with a fault: file, line, pointer
--- http_config
sellify_policy $TEST_NGINX_SERVER_ROOT/html/policy.json;
--- user_files
>>> policy.json
{
  "timezone": "Europe/Paris",
  "limits": {
    "hour": 30,
    "day": "many"
  }
}
--- must_die
--- error_log eval
qr{sellify_policy: \S+/html/policy\.json line 5: /limits/day: }



=== TEST 7: a policy that is not JSON
--- http_config
sellify_policy $TEST_NGINX_SERVER_ROOT/html/policy.json;
--- user_files
>>> policy.json
{"timezone": "UTC",}
--- must_die
--- error_log eval
qr{sellify_policy: \S+/html/policy\.json line 1: }



=== TEST 8: a catalogue with a fault
--- http_config
sellify_products $TEST_NGINX_SERVER_ROOT/html/products.json;
--- user_files
>>> products.json
[
  {"id": "a", "name": "A", "price": 12.50, "currency": "EUR"},
  {"id": "b", "name": "B", "price": "cheap", "currency": "EUR"}
]
--- must_die
--- error_log eval
qr{sellify_products: \S+/html/products\.json line 3: /1/price: }



=== TEST 9: a policy that is empty
--- http_config
sellify_policy $TEST_NGINX_SERVER_ROOT/html/policy.json;
--- user_files eval
">>> policy.json\n"
--- must_die
--- error_log
policy.json is empty



=== TEST 10: keys: the file and line of a fault
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files eval
">>> keys\n# one\ngood sha256:" . ("ab" x 32) . " read\nbad sha256:12 read\n"
--- must_die
--- error_log eval
qr{sellify_keys: \S+/html/keys line 3: expected sha256: and 64 hex digits for key "bad"}



=== TEST 11: keys: an unknown scope
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files eval
">>> keys\nk sha256:" . ("ab" x 32) . " read,write\n"
--- must_die
--- error_log eval
qr{keys line 1: unknown scope "write"}



=== TEST 12: keys: a well-known key is refused by its hash ("changeme")
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files
>>> keys
k sha256:057ba03d6c44104863dc7361fe4578965d1887360f90a0895882e58a6248fc86 admin
--- must_die
--- error_log eval
qr{keys line 1: this is the hash of a well-known or empty key: "k"}



=== TEST 13: keys: the empty key is refused
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files
>>> keys
k sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 admin
--- must_die
--- error_log
well-known or empty key



=== TEST 14: keys: an id twice
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files eval
">>> keys\nk sha256:" . ("ab" x 32) . " read\nk sha256:" . ("cd" x 32) . " read\n"
--- must_die
--- error_log eval
qr{keys line 2: duplicate id "k"}



=== TEST 15: keys: a key twice
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files eval
">>> keys\nk sha256:" . ("ab" x 32) . " read\nl sha256:" . ("ab" x 32) . " read\n"
--- must_die
--- error_log eval
qr{keys line 2: the same key stands above already}



=== TEST 16: keys: a bad instance name
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files eval
">>> keys\nk sha256:" . ("ab" x 32) . " read shop,sh/op\n"
--- must_die
--- error_log eval
qr{keys line 1: bad instance name "sh/op"}



=== TEST 17: keys: too few words
--- http_config
sellify_keys $TEST_NGINX_SERVER_ROOT/html/keys;
--- user_files
>>> keys
k plaintextkey
--- must_die
--- error_log
line 1: expected "id sha256:<64 hex digits> scopes [instances]"



=== TEST 18: keys: a file that is not there
--- http_config
sellify_keys $TEST_NGINX_SELLIFY_DIR/nokeys;
--- must_die
--- error_log
nokeys cannot be read



=== TEST 19: a directive twice
--- http_config
sellify_keys $TEST_NGINX_SELLIFY_ROOT/t/data/keys;
sellify_keys $TEST_NGINX_SELLIFY_ROOT/t/data/keys;
--- must_die
--- error_log
"sellify_keys" directive is duplicate



=== TEST 20: credentials do not go with every origin
--- http_config
sellify_cors_origin *;
sellify_cors_credentials on;
--- must_die
--- error_log
"sellify_cors_credentials on" does not go with "sellify_cors_origin *"



=== TEST 21: an origin has a scheme and no path
--- http_config
sellify_cors_origin shop.example;
--- must_die
--- error_log
needs a scheme, as in https://shop.example, not "shop.example"



=== TEST 22: an origin that is a path
--- http_config
sellify_cors_origin https://shop.example/;
--- must_die
--- error_log
has no path



=== TEST 23: metrics from a location that is none
--- config
location = /m { sellify_metrics worker; }
--- must_die
--- error_log
takes a location that starts with /



=== TEST 24: a missing state file is no configuration error
--- http_config
sellify_state $TEST_NGINX_SELLIFY_DIR/none;
--- config
location / { sellify_api on; }
--- request
GET /api/v1/health/ready
--- error_code: 503
--- response_headers
Retry-After: 3
--- response_body_like: "state":"missing"
