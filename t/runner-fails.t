# Our own runner (t/lib, also where CPAN's is installed) must be able to fail: a file in which every assertion is wrong, and
# one that it must refuse, are run as programs and their verdicts counted.
use strict;
use warnings;

use FindBin;
use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir(CLEANUP => 1);

sub verdict {
    my ($name, $text) = @_;
    my $file = "$dir/$name.t";
    open my $out, '>', $file or die "cannot write $file: $!\n";
    print $out "use Test::Nginx::Socket 'no_plan';\nrun_tests();\n__DATA__\n\n$text";
    close $out;
    my $tap = join '', `$^X '-I$FindBin::Bin/lib' '$file' 2>&1`;
    return ($? >> 8, scalar(() = $tap =~ /^ok /mg),
        scalar(() = $tap =~ /^not ok /mg), $tap);
}

my ($status, $good, $bad, $tap) = verdict('wrong', <<'END');
=== TEST 1: all of it is wrong
--- config
    location = /t { return 200 "abc"; }
--- request
GET /t
--- error_code: 201
--- response_headers
Content-Length: 4
! Server
--- raw_response_headers_like: X-Nothing
--- raw_response_headers_unlike: Content-Length
--- response_body
other
--- error_log
never logged
--- grep_error_log: never
--- grep_error_log_out
never

=== TEST 2: the other half
--- config
    location = /t { root /nowhere-at-all; }
--- request
GET /t
--- error_code: 404
--- response_headers_like
Content-Type: image/.*
--- response_body_like: ^teapot
--- no_error_log
nowhere-at-all

=== TEST 3: it starts
--- config
    location = /t { return 204; }
--- must_die

=== TEST 4: not like
--- config
    location = /t { return 200 "abc"; }
--- request
GET /t
--- response_body_unlike: b
END
is($bad, 8 + 3 + 1 + 1, 'every wrong assertion fails') or diag $tap;
is($good, 2, 'and only the right ones pass') or diag $tap;
isnt($status, 0, 'exit status');

for my $case (
    ['cut', 'a body that ends early is told', <<'END', qr/not ok .*status code|timed out/],
=== TEST 1: silent
--- config
    location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/slow; }
    location = /slow { limit_rate 1; return 200 "abcdefgh"; }
--- request
GET /t
--- timeout: 0.3
END
    ['env', 'an unknown variable of the environment', <<'END', qr/no environment TEST_NGINX_NO_SUCH/],
=== TEST 1: unknown
--- config
    location = /t { return 200 $TEST_NGINX_NO_SUCH; }
--- request
GET /t
END
    ['eval', 'code that does not compile', <<'END', qr/section 'request'/],
=== TEST 1: unknown
--- config
    location = /t { return 200; }
--- request eval
"GET /t" . (
END
    ['start', 'a configuration that does not load', <<'END', qr/cannot start nginx/],
=== TEST 1: broken
--- config
    location = /t { nonsense; }
--- request
GET /t
END
) {
    my ($name, $what, $text, $like) = @$case;
    my ($status, $good, $bad, $tap) = verdict($name, $text);
    isnt($status, 0, "$what: exit status");
    like($tap, $like, "$what: is told");
}

done_testing();
