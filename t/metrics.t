# GET /metrics: the module's counters, and the worker's text merged in.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our $Config = $SellifyModule::Problem . 'location = /metrics { sellify_metrics /worker; }
location = /worker { internal; proxy_pass http://unix:' . $ENV{TEST_NGINX_SELLIFY_DIR} . '/up.sock; proxy_read_timeout 300ms; }
location / { sellify_api on; }';

sub up {
    my ($answer) = @_;
    return "subrequest_output_buffer_size 1m;
server { listen unix:$ENV{TEST_NGINX_SELLIFY_DIR}/up.sock; location / { default_type text/plain; $answer } }";
}

run_tests();

__DATA__

=== TEST 1: the module alone
--- config
location = /metrics { sellify_metrics; }
location / { sellify_api on; }
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4
--- response_body_like eval
qr{(?s)^# HELP sellify_decisions_total [^\n]+\n# TYPE sellify_decisions_total counter\nsellify_decisions_total\{action="RespondText",program="nginx"\} \d+\n.*sellify_build_info\{version="[0-9.]+",program="nginx"\} 1\n}



=== TEST 2: decisions and requests are counted
--- config
location = /metrics { sellify_metrics; }
location / { sellify_api on; }
--- request eval
["POST /decision\n{\"incoming_message\":\"Bonjour\",\"quotas_available\":true,\"is_active_hours\":false}",
"GET /metrics"]
--- response_body_like eval
['Ignore', '(?s)sellify_decisions_total\{action="Ignore",program="nginx"\} [1-9].*sellify_http_requests_total\{endpoint="decision",status="200",program="nginx"\} [1-9].*sellify_http_request_duration_seconds_bucket\{endpoint="decision",program="nginx",le="\+Inf"\} [1-9]']



=== TEST 3: the worker's text is merged, each family told once
--- more_http eval
main::up(qq{return 200 '# HELP sellify_decisions_total x\\n# TYPE sellify_decisions_total counter\\nsellify_decisions_total{action="Delay",program="worker"} 5\\n# HELP sellify_pipeline_depth y\\n# TYPE sellify_pipeline_depth gauge\\nsellify_pipeline_depth{step="stored"} 2\\n';} =~ s/\\n/\n/gr)
--- config eval: $::Config
--- request
GET /metrics
--- response_body_like eval
qr{(?s)^(?!.*TYPE sellify_decisions_total.*TYPE sellify_decisions_total).*program="nginx"\} \d+\nsellify_decisions_total\{action="Delay",program="worker"\} 5\n# HELP.*sellify_worker_up 1\n# HELP sellify_pipeline_depth y\n# TYPE sellify_pipeline_depth gauge\nsellify_pipeline_depth\{step="stored"\} 2\n$}



=== TEST 4: the worker is away
--- config eval: $::Config
--- request
GET /metrics
--- response_body_like: sellify_worker_up 0
--- no_error_log
[alert]



=== TEST 5: the worker answers an error, or what is no metrics text
--- more_http eval: main::up('return 200 "<html>";')
--- config eval: $::Config
--- request
GET /metrics
--- response_body_like: (?s)sellify_decisions_total.*sellify_worker_up 0\n$



=== TEST 6: the worker refuses
--- more_http eval: main::up('return 500 "no_metrics 1\n";')
--- config eval: $::Config
--- request
GET /metrics
--- response_body_like: (?s)sellify_decisions_total.*sellify_worker_up 0\n$



=== TEST 7: half a line
--- more_http eval: main::up('return 200 "a 1\nb";')
--- config eval: $::Config
--- request
GET /metrics
--- response_body_like: sellify_worker_up 0



=== TEST 8: HEAD, and another method
--- config eval: $::Config
--- more_http eval: main::up('return 200 "a 1\n";')
--- request eval
["HEAD /metrics", "POST /metrics"]
--- error_code eval
[200, 405]



=== TEST 9: the state's age
--- state
hours always
--- config
location = /metrics { sellify_metrics; }
location / { sellify_api on; }
--- request
GET /metrics
--- response_body_like: sellify_state_age_seconds [0-3]\.\d{6}\n
