# A disk that fills up in the middle of a turn with several requests: no reply
# says ok for what is not in the database afterwards.
#
# t/bin/fullfs.c stands between the worker and the files of its database and
# takes every write from a budget; the test sets it.  Requests meet in one turn
# because they are sent while the worker is stopped (SIGSTOP).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select ();
use IO::Socket::UNIX ();
use JSON::PP ();
use Sellify::Runner::Client;
use Sellify::Test qw(root slurp spew text_event wait_until);
use Test::More;
use Time::HiRes qw(sleep time);

use constant { PLENTY => 1 << 50, ROUNDS => 24, PER_ROUND => 12 };

my $s = Sellify::Test->new(up => 0);
my $budget = "$s->{dir}/budget";
my $shim = "$s->{dir}/fullfs.so";
system('cc', '-D_GNU_SOURCE', '-O2', '-fPIC', '-shared', '-o', $shim,
    root() . '/t/bin/fullfs.c', '-ldl') == 0 or die "no compiler\n";

# The file is mapped by the worker: it is written in place, never replaced.
sub set_budget {
    open my $out, '+<:raw', $budget or die "budget: $!\n";
    syswrite $out, pack 'q', $_[0];
}
sub left { return unpack 'q', slurp($budget) }
spew($budget, pack 'q', PLENTY);

%{ $s->{env} } = (LD_PRELOAD => $shim, FULLFS_DIR => "$s->{dir}/db/",
    FULLFS_BUDGET => $budget, SELLIFY_INSTANCES => 'shop',
    SELLIFY_CLOCK_START => '2026-11-24T02:00:00Z', SELLIFY_CLOCK_RATE => 1);
$s->up;
$s->webhook(text_event(id => 'WARMUP', at => 1, jid => '33600000000@s.whatsapp.net', text => 'a'));
cmp_ok(left(), '<', PLENTY, 'the writes of the database are seen');

# Every request of a list, sent before any is answered. -> statuses
sub burst {
    my (@requests) = @_;
    my $child = $s->child_pid or die "no worker\n";
    kill 'STOP', $child;
    my @open = map {
        my ($method, $path, $body) = @$_;
        my $socket = IO::Socket::UNIX->new(Peer => $s->{socket}) or die "socket: $!\n";
        print $socket "$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            . "X-API-Key: $s->{admin_key}\r\nContent-Type: application/json\r\n"
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
        $socket->flush;
        { socket => $socket, in => '' };
    } @requests;
    kill 'CONT', $child;
    my $deadline = time + 20;
    for my $one (@open) {
        while (time < $deadline) {
            IO::Select->new($one->{socket})->can_read($deadline - time) or last;
            my $n = sysread $one->{socket}, $one->{in}, 65536, length $one->{in};
            last unless $n;
        }
    }
    return map { Sellify::Runner::Client::parse($_->{in})->{code} || 0 } @open;
}

my $json = JSON::PP->new->utf8->canonical;
my ($hook) = $s->{webhook_url} =~ m{^http://[^/]+(/.*)};
my (%audit, %webhook, $recorded, $asked, %seen) = ();
($recorded, $asked) = (0, 0);

for my $round (1 .. ROUNDS) {
    my (@requests, @notes);
    for my $i (1 .. PER_ROUND) {
        my $id = "R${round}I$i";
        if ($i % 3 == 0) {
            push @requests, ['POST', '/api/v1/quota/record', '{"message_type":"text","instance":"shop"}'];
            push @notes, sub { $asked++; $recorded++ if $_[0] == 200 };
        } elsif ($i % 3 == 1) {
            push @requests, ['POST', '/api/v1/audit/log', $json->encode(
                { id => $id, incoming_message => 'x' x (500 + 900 * ($i % 4)) })];
            push @notes, sub { $audit{$id} = $_[0] };
        } else {
            push @requests, ['POST', $hook, $json->encode(text_event(
                id => $id, at => 4_000_000_000, text => 'y' x (100 * $i),
                jid => sprintf('3360000%04d@s.whatsapp.net', $i)))];
            push @notes, sub { $webhook{$id} = $_[0] };
        }
    }
    # From nothing at all to enough for about the whole turn.
    set_budget(int(($round - 1) ** 2 * 260));
    my @status = burst(@requests);
    set_budget(PLENTY);
    $notes[$_]->($status[$_]), $seen{ $status[$_] }++ for 0 .. $#status;
    # It must find its way back without help.
    wait_until(15, 'the worker to work again', sub {
        $s->request('POST', '/api/v1/quota/record', unix => 1,
            body => '{"message_type":"text","instance":"shop"}')->{status} == 200 && ++$recorded && ++$asked });
}
note 'answers: ', join ', ', map { "$_: $seen{$_}" } sort keys %seen;
is_deeply([grep { !/^(?:200|201|503|0)$/ } keys %seen], [], 'answers are ok or 503');
cmp_ok($seen{503} // 0, '>', 10, 'some were refused');
cmp_ok(($seen{200} // 0) + ($seen{201} // 0), '>', 10, 'and some were taken');

# What is in the database shows after a crash, from its files alone.
$s->kill_worker('--stay-down');
$s->restart_worker;

my %in = map { $_->{id} => 1 } $s->all('/api/v1/audit');
my @lost = grep { $audit{$_} == 201 && !$in{$_} } sort keys %audit;
is_deeply(\@lost, [], 'every audit entry that was told ok is there');
my @ghost = grep { $audit{$_} == 503 && $in{$_} } sort keys %audit;
is_deeply(\@ghost, [], 'and none that was refused');

my %message;
for my $item ($s->all('/api/v1/conversations')) {
    $message{ $_->{message_id} }++
        for @{ $s->get("/api/v1/conversations/$item->{id}")->{json}{messages} };
}
@lost = grep { $webhook{$_} == 200 && !$message{$_} } sort keys %webhook;
is_deeply(\@lost, [], 'every message that was told ok is there');
@ghost = grep { $webhook{$_} == 503 && $message{$_} } sort keys %webhook;
is_deeply(\@ghost, [], 'and none that was refused');

my $quota = $s->get('/api/v1/quota?instance=shop')->{json};
is($quota->{messages_today}, $recorded, "$recorded of $asked units are counted, as was told");
is(system("sqlite3 '$s->{db}' 'PRAGMA integrity_check' | grep -qx ok"), 0, 'the database is sound');
is($s->get('/api/v1/health/ready')->{status}, 200, 'ready');
$s->remove;
done_testing();
