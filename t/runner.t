# The runner itself (or CPAN's Test::Nginx, which this file pins as well): the
# sections that our suites use, with stock nginx and no module of ours.
use Test::Nginx::Socket;

no_long_string();
repeat_each(2);

our $Long = 'x' x 3000;

plan tests => repeat_each() * 48;
run_tests();

__DATA__

=== TEST 1: a body, its headers, an absent header
--- config
    location = /t {
        add_header X-Port $server_port;
        return 200 "hello\n";
    }
--- request
GET /t
--- response_headers
X-Port: $ServerPort
! X-Nothing
--- response_body
hello
--- no_error_log
[error]



=== TEST 18: spaces at the start of a header's value are kept
--- config
    location = /t {
        add_header X-Odd "  two";
        return 200;
    }
--- request
GET /t
--- response_headers_like
X-Odd: \s\stwo



=== TEST 2: chomp, one-line sections, another status
--- config
    location = /t { return 404 "no"; }
--- request
    GET /t
--- error_code: 404
--- response_body chomp
no



=== TEST 3: like, unlike and eval
--- config
    location = /t { return 200 "a b c"; }
--- request eval
"GET /t"
--- response_body_like: ^a .* c$
--- raw_response_headers_like: Content-Length: 5
--- raw_response_headers_unlike: Set-Cookie



=== TEST 4: response_body eval takes a pattern
--- config
    location = /t { return 200 "abc"; }
--- request
GET /t
--- response_body eval
qr/^a.c$/



=== TEST 5: unlike alone
--- config
    location = /t { return 200 "abc"; }
--- request
GET /t
--- response_body_unlike: xyz



=== TEST 6: a request body gets its length; more_headers
--- config
    location = /t { return 200 "$request_method $content_length $http_x_a"; }
--- request
POST /t
four
--- more_headers
X-A: one
--- response_body chomp
POST 4 one



=== TEST 7: several requests, each on its connection
--- config
    location = /t { return 200 "$arg_n"; }
--- request eval
["GET /t?n=1", "GET /t?n=2"]
--- response_body eval
["1", "2"]



=== TEST 8: pipelined requests, with keepalive
--- config
    location = /t { return 200 "$arg_n $connection_requests"; }
--- pipelined_requests eval
["GET /t?n=1", "GET /t?n=2"]
--- response_body eval
["1 1", "2 2"]



=== TEST 9: a raw request in two pieces
--- config
    location = /t { return 200 "ok"; }
--- raw_request eval
["GET /t HTTP/1.0\r\nHo", "st: x\r\n\r\n"]
--- raw_request_middle_delay: 0.02
--- response_body chomp
ok



=== TEST 10: chunked answers are put together; main variables in eval
--- config
    location = /p.html {
        root $TEST_NGINX_SERVER_ROOT/html;
        default_type text/html;
        ssi on;
    }
--- user_files
>>> p.html
<!--#echo var="arg_x"-->|
--- request eval
"GET /p.html?x=$::Long"
--- response_headers
Transfer-Encoding: chunked
--- response_body eval
"$::Long|\n"



=== TEST 11: files, their expansion, the server root
--- config
    location = /f.txt { root $TEST_NGINX_SERVER_ROOT/html; }
--- user_files
>>> f.txt
port $TEST_NGINX_SERVER_PORT
>>> g.txt
second
--- request
GET /f.txt
--- response_body_like: ^port \d+$



=== TEST 12: error log, wanted and not wanted
--- config
    location = /t { root /nowhere-at-all; }
--- request
GET /t
--- error_code: 404
--- error_log
open() "/nowhere-at-all/t" failed
--- no_error_log
[alert]
[emerg]



=== TEST 13: grep in the error log
--- config
    location = /t { root /nowhere-at-all; }
--- request
GET /t
--- error_code: 404
--- grep_error_log eval
qr/open\(\) "\/nowhere-[a-z]+-all/
--- grep_error_log_out
open() "/nowhere-at-all



=== TEST 14: nginx must refuse to start
--- config
    location = /t { no_such_directive on; }
--- must_die
--- error_log
unknown directive "no_such_directive"
--- suppress_stderr



=== TEST 15: HEAD
--- config
    location = /t { return 200 "hello"; }
--- request
HEAD /t
--- response_headers
Content-Length: 5
--- response_body



=== TEST 16: init, wait and timeout are read
--- config
    location = /t { return 200 "$host"; }
--- server_name: shop.test
--- init
$::Ran = 1;
--- timeout: 2s
--- wait: 0.01
--- request
GET /t
--- more_headers
Host: other.test
--- response_body chomp
other.test



=== TEST 17: an answer that is not looked at
--- config
    location = /t { return 444; }
--- request
GET /t
--- ignore_response
--- no_error_log
[error]
