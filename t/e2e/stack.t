# scripts/stack: what it refuses, what it cleans up, and that it touches only
# processes and files that are its own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Find qw(find);
use IO::Socket::INET ();
use Sellify::Test qw(read_env slurp spew wait_until);
use Test::More;
use Time::HiRes qw(time);

my $s = Sellify::Test->new(up => 0);
my $stack = Sellify::Test::root() . '/scripts/stack';

sub refused {
    my ($what, $like, @words) = @_;
    my $begin = time;
    my ($status, $said) = $s->stack('up', @words);
    isnt($status, 0, "$what: refused");
    like($said, $like, "$what: told");
    cmp_ok(time - $begin, '<', 14, "$what: in time");
    ok(!-e "$s->{dir}/stack.env", "$what: no stack.env");
    ok(!ours($s), "$what: nothing is left running");
}

# Processes whose command line names this folder.
sub ours {
    my ($stack) = @_;
    my @pids = grep { (slurp($_) // '') =~ /\Q$stack->{dir}\E\/(?:nginx|secret)\// }
        glob '/proc/[0-9]*/cmdline';
    return map { m{/(\d+)/} } grep {
        (slurp($_ =~ s/cmdline$/stat/r) // ') Z') !~ /\) [ZX]/ } @pids;
}

refused('port 0', qr/from 1 to 65535/, '--port', 0);
refused('port 65536', qr/from 1 to 65535/, '--port', 65536);
refused('port x', qr/from 1 to 65535/, '--port', 'x');
my $holder = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1);
refused('a taken port', qr/port @{[$holder->sockport]} is taken/, '--port', $holder->sockport);
refused('no settings file', qr/cannot read/, '--env', "$s->{dir}/none");
spew("$s->{dir}.bad", "SELLIFY_NONSENSE=1\n");
refused('an unknown setting', qr/SELLIFY_NONSENSE/, '--port', $s->{port}, '--env', "$s->{dir}.bad");
spew("$s->{dir}.bad", "SELLIFY_PRODUCTS_FILE=/nowhere/products.json\n");
refused('a file that is not there', qr{/nowhere/products.json}, '--port', $s->{port}, '--env', "$s->{dir}.bad");
unlink "$s->{dir}.bad";
{
    local $s->{dir} = "$s->{dir}/" . 'long' x 25;
    my ($status, $said) = $s->stack('up', '--port', $s->{port});
    isnt($status, 0, 'a long path: refused');
    like($said, qr/too long.*107/, 'a long path: told');
}
for my $command (qw(down status logs restart-worker kill-worker)) {
    local $s->{dir} = "$s->{dir}-none";
    my ($status, $said) = $s->stack($command);
    isnt($status, 0, "$command without a folder");
    like($said, qr/no folder/, "$command without a folder: told");
}

# Stale pid files: the numbers of living processes that are not ours.
mkdir "$s->{dir}/$_" for qw(run nginx);
spew("$s->{dir}/run/worker-parent.pid", "$$\n");
spew("$s->{dir}/run/worker.pid", "$$\n");
spew("$s->{dir}/nginx/nginx.pid", "$$\n");
my $begin = time;
$s->up;
cmp_ok(time - $begin, '<', 10, 'up within 10 s');
pass('pid files of others do not count, and nobody is killed');

my %told = read_env("$s->{dir}/stack.env");
ok(length($told{$_} // ''), "stack.env has $_")
    for qw(BASE_URL ADMIN_KEY WEBHOOK_URL SOCKET STATE_FILE DB NGINX_PID WORKER_PID NGINX_CONF LOG_DIR);
is((stat "$s->{dir}/stack.env")[2] & 0777, 0600, 'stack.env is for its owner');
ok(-S $told{SOCKET}, 'the socket is one');
ok(-f $told{$_}, "$_ is a file") for qw(STATE_FILE DB NGINX_CONF);
is($s->get('/health')->{status}, 200, 'it answers');
for my $pid (ours($s)) {
    unlike(slurp("/proc/$pid/cmdline"), qr/\Q$told{ADMIN_KEY}\E/, "no key in the arguments of $pid");
}

my ($status, $said) = $s->stack('up', '--port', $s->{port});
isnt($status, 0, 'up twice is refused');
like($said, qr/already up/, 'and told');
($status, $said) = $s->stack('status');
is($status, 0, 'status of a running stack') or diag $said;
like($said, qr/ready\s+yes/, 'status says ready');
($status, $said) = $s->stack('logs');
is($status, 0, 'logs');
like($said, qr/worker\.log/, 'logs names the files');

# Two side by side.
my $other = Sellify::Test->new;
is($other->get('/health')->{status}, 200, 'a second stack answers');
isnt($other->{admin_key}, $s->{admin_key}, 'with a key of its own');
is($other->get('/api/v1/quota', key => $s->{admin_key})->{status}, 401, 'which opens only it');
$other->remove;
is($s->get('/api/v1/health/ready')->{status}, 200, 'the first one goes on');

# The worker: killed, held down, restarted.
my $child = $s->child_pid;
$s->kill_worker;
my $new = wait_until(10, 'another child', sub { my $p = $s->child_pid; $p && $p != $child && $p });
wait_until(10, 'ready', sub { $s->get('/api/v1/health/ready')->{status} == 200 });
$s->kill_worker('--stay-down');
ok(!$s->child_pid, 'held down');
is($s->post('/api/v1/validate', { text => 'Bonjour' })->{status}, 200,
    'pure questions are answered without a worker');
($status, $said) = $s->stack('status');
is($status, 1, 'status of half a stack');
like($said, qr/child\s+down/, 'status says what is down');
# A request of the first three seconds waits in the socket's backlog.
wait_until(10, 'nginx to notice', sub { $s->get('/api/v1/audit', timeout => 1)->{status} == 503 });
my $r = $s->get('/api/v1/audit');
is($r->{status}, 503, 'the rest is 503');
like($r->{headers}{'retry-after'} // '', qr/^\d+$/, 'with Retry-After');
is($s->get('/api/v1/health/ready')->{status}, 503, 'not ready');
$s->restart_worker;
is($s->get('/api/v1/audit')->{status}, 200, 'back after restart-worker');
$child = $s->child_pid;
$s->restart_worker;
isnt($s->child_pid, $child, 'restart-worker replaces a running one');
is($s->get('/api/v1/audit')->{status}, 200, 'and it answers');

# Everything dies at once: up again, with its key and data.
kill 'KILL', $s->{worker_pid}, $s->{nginx_pid};
wait_until(10, 'all of it to die', sub { !ours($s) });
($status, $said) = $s->stack('status');
is($status, 1, 'status after a crash');
my $key = $s->{admin_key};
$s->up;
is($s->{admin_key}, $key, 'the key survives');
is($s->get('/api/v1/quota')->{status}, 200, 'and opens');

ok($s->down, 'down');
ok(!ours($s), 'nothing is left running');
ok(!-e "$s->{dir}/stack.env", 'no stack.env');
ok(!-e $told{SOCKET}, 'no socket');
ok(-e $told{DB}, 'the data stays');
ok($s->down, 'down twice');
$s->remove;
done_testing();
