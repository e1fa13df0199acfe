# What changes while nginx runs: a worker that comes, goes and comes back, new
# rulesets, revoked keys, a state file that is torn, and a reload.  Not in the
# Test::Nginx format, which knows one configuration and no clock per block.
use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

my $root   = abs_path(dirname(__FILE__) . '/..');
my $build  = $ENV{BUILD_DIR} || "$root/build";
my $module = $ENV{TEST_NGINX_LOAD_MODULES} // "$build/ngx_http_sellify_module.so";
my $nginx  = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
my $writer = $ENV{SELLIFY_STATE_WRITER} || "$build/state-writer";
plan skip_all => "no $module" if $module ne '' && !-e $module;

my $dir  = tempdir('sellify-live-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = free_port();
my $http = HTTP::Tiny->new(timeout => 5, keep_alive => 0);
my ($keeper, $pid);

mkdir "$dir/$_" for qw(logs temp);
spew("$dir/policy-$_->[0].json", qq({"fallback_text":"$_->[1]"}))
    for ['a', 'Premier'], ['b', 'Second'];
spew("$dir/bad.json", '{"version":9,"policy":{"limits":"none"},"products":[],"lexicons":{}}');
spew("$dir/nginx.conf", <<"END");
load_module $module;
@{[ $> == 0 ? 'user root;' : '' ]}
worker_processes 2;
pid $dir/nginx.pid;
error_log $dir/logs/error.log notice;
events { worker_connections 128; }
http {
    access_log off;
    client_body_temp_path $dir/temp/body;
    proxy_temp_path $dir/temp/proxy;
    fastcgi_temp_path $dir/temp/fastcgi;
    scgi_temp_path $dir/temp/scgi;
    uwsgi_temp_path $dir/temp/uwsgi;
    sellify_state $dir/state;
    sellify_keys $root/t/data/keys;
    server {
        listen 127.0.0.1:$port;
        location = /metrics { sellify_metrics; }
        location / { sellify_auth api; sellify_api on; }
    }
}
END
# An empty TEST_NGINX_LOAD_MODULES is a static build.
spew("$dir/nginx.conf", slurp("$dir/nginx.conf") =~ s/^load_module ;$//mr);

system($nginx, '-p', $dir, '-c', "$dir/nginx.conf", '-e', "$dir/logs/error.log") == 0
    or BAIL_OUT("nginx did not start");
$pid = slurp("$dir/nginx.pid") + 0;

my $base = "default used 1 1 1 0 0 limits 30 200 1000 50 20";

sub ready { get('/api/v1/health/ready') }
sub fallback {
    my $r = post('/validate', '{"text":"Bonjour"}', 'both');
    return $r->{status} == 200 ? decode_json($r->{content})->{fallback_text} : $r->{status};
}
sub version { decode_json(ready()->{content})->{ruleset_version} }

# --- the worker comes ---

is ready()->{status}, 503, 'no state file: not ready';
is get('/api/v1/quota', 'both')->{status}, 503, 'and no live counters';
is post('/api/v1/decision',
    '{"incoming_message":"Bonjour","quotas_available":true,"is_active_hours":true}',
    'both')->{status}, 200, 'but what is given is decided';

publish("instance $base", 'hours always', "policy 1 $dir/policy-a.json");
ok within(1, sub { ready()->{status} == 200 }), 'a state file is noticed within a second';
ok within(2, sub { fallback() eq 'Premier' }), 'and its ruleset is used';
is version(), 1, 'version 1';
is get('/api/v1/quota', 'both')->{status}, 200, 'live counters';

# --- another ruleset, in the file that is open and in a new one ---

publish("instance $base", 'hours always', "policy 2 $dir/policy-b.json");
ok within(2, sub { fallback() eq 'Second' }), 'the next version is swapped in';
publish("instance $base", 'hours always', "ruleset 9 $dir/bad.json");
ok within(2, sub { errors(qr/ruleset 9 is refused/) >= 1 }), 'a bad one is refused, in the log';
sleep 0.8;
is fallback(), 'Second', 'the last good one stays';
ok errors(qr/ruleset 9 is refused/) <= 2, 'with one line for each process';
publish("instance $base", 'hours always', 'ruleset-hash 10');
ok within(2, sub { errors(qr/ruleset 10 is refused: .* cannot be read/) >= 1 }),
    'a file that is not there is refused too';
publish("instance $base", 'hours always', "policy 11 $dir/policy-a.json");
ok within(2, sub { fallback() eq 'Premier' }), 'and the next good one is taken';

# --- keys come and go ---

publish("instance $base", 'hours always', "policy 11 $dir/policy-a.json", key('temp', 'read'));
ok within(1, sub { get('/api/v1/quota', 'temp')->{status} == 200 }), 'a new key within a second';
publish("instance $base", 'hours always', "policy 11 $dir/policy-a.json");
ok within(1, sub { get('/api/v1/quota', 'temp')->{status} == 401 }), 'a revoked key within a second';
is get('/api/v1/quota', 'reader')->{status}, 200, 'the keys of the file stay';

# --- the worker goes and comes back ---

quiet();
ok within(5, sub { get('/api/v1/quota', 'both')->{status} == 503 }), 'stale after three seconds';
is fallback(), 'Premier', 'validation goes on with the last ruleset';
is get('/api/v1/health/live')->{status}, 200, 'and the process is alive';
my $delegated = get('/api/v1/products', 'reader');
is $delegated->{status}, 503, 'what would be delegated is refused';
is $delegated->{headers}{'retry-after'}, 3, 'with Retry-After';
publish("instance $base", 'hours always', "policy 11 $dir/policy-a.json");
ok within(1, sub { get('/api/v1/quota', 'both')->{status} == 200 }), 'back within a second';

# --- a file that is cut, and one that is nonsense ---

quiet();
truncate "$dir/state", 700 or die $!;
is get('/api/v1/quota', 'both')->{status}, 503, 'a cut file: counters are not ready at once';
is get('/api/v1/health/live')->{status}, 200, 'and nothing crashed';
truncate "$dir/state", 0 or die $!;
sleep 0.5;
is get('/api/v1/quota', 'both')->{status}, 503, 'an empty file';
unlink "$dir/state";
spew("$dir/state", join '', map { chr(($_ * 7) % 256) } 1 .. 9000);
sleep 0.5;
is get('/api/v1/quota', 'both')->{status}, 503, 'nonsense';
is get('/api/v1/health/live')->{status}, 200, 'alive';
publish("instance $base", 'hours always', "policy 12 $dir/policy-b.json");
ok within(2, sub { fallback() eq 'Second' && get('/api/v1/quota', 'both')->{status} == 200 }),
    'and a good file ends it';

# --- reload ---

my $before = decisions();
my $bad = 0;
for my $round (1 .. 5) {
    kill 'HUP', $pid;
    for (1 .. 20) {
        $bad++ if post('/api/v1/decision',
            '{"incoming_message":"Bonjour","quotas_available":true,"is_active_hours":false}',
            'both')->{status} != 200;
    }
}
is $bad, 0, 'no request fails during five reloads';
is version(), 12, 'the live ruleset is there after a reload';
ok within(2, sub { decisions() - $before == 100 }), 'every decision is counted over the reloads'
    or diag($before, ' ', decisions());

# --- the log ---

is errors(qr/\[(?:alert|emerg|crit)\]/), 0, 'nothing worse than the refused rulesets';
is errors(qr/\[error\]/) - errors(qr/is refused/), 0, 'in the log';

kill 'QUIT', $pid;
ok within(5, sub { !-e "$dir/nginx.pid" }), 'nginx stops';
undef $pid;
quiet();
done_testing();

# --- helpers ---

sub free_port {
    my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $!;
    return $s->sockport;
}

sub get { my ($path, $key) = @_; request('GET', $path, $key) }
sub post { my ($path, $body, $key) = @_; request('POST', $path, $key, $body) }

sub request {
    my ($method, $path, $key, $body) = @_;
    my %headers = ('Content-Type' => 'application/json');
    $headers{'X-API-Key'} = "key-of-$key" if $key;
    return $http->request($method, "http://127.0.0.1:$port$path",
        { headers => \%headers, defined $body ? (content => $body) : () });
}

sub key { my ($id, $scopes) = @_; "key $id " . sha256_hex("key-of-$id") . " $scopes" }

sub publish {
    quiet();
    spew("$dir/description", join '', map { "$_\n" } @_, 'stay 600');
    my $said = qx{"$writer" "$dir/state" < "$dir/description"};
    die "state-writer failed\n" if $? || $said !~ /^(\d+)$/;
    $keeper = $1;
}

sub quiet { kill 'TERM', $keeper if $keeper; undef $keeper }

sub within {
    my ($seconds, $what) = @_;
    my $end = time + $seconds * ($ENV{SELLIFY_SLOW} || 1) + 0.2;
    while (1) {
        return 1 if $what->();
        return 0 if time > $end;
        sleep 0.05;
    }
}

sub errors { my ($re) = @_; scalar grep { $_ =~ $re } split /\n/, slurp("$dir/logs/error.log") }

sub decisions {
    my ($n) = get('/metrics')->{content} =~ /^sellify_decisions_total\{action="Ignore",[^}]*\} (\d+)/m;
    return $n;
}

sub slurp { my ($path) = @_; open my $in, '<', $path or return ''; local $/; scalar <$in> }
sub spew { my ($path, $text) = @_; open my $out, '>', $path or die "$path: $!"; print $out $text; close $out }

my $owner;
BEGIN { $owner = $$ }
END {
    if ($$ == $owner) {
        kill 'TERM', $keeper if $keeper;
        kill 'QUIT', $pid if $pid;
    }
}
