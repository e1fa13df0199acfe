# Webhook posts while the worker is stopped for 3 s, and 6 kills of it under a
# load of webhooks: every post is answered 200 in the end and stored once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX ();
use Sellify::Test qw(text_event wait_until);
use Test::More;
use Time::HiRes qw(sleep time);

use constant { POSTS => 400, CLIENTS => 20, CHATS => 40, KILLS => 6, STOPPED_S => 3 };

# Monday 03:00 in Paris: outside the hours, so that nothing is sent meanwhile.
use constant START => 1795485600;
my $s = Sellify::Test->new(env => {
    SELLIFY_CLOCK_START => '2026-11-24T02:00:00Z', SELLIFY_INSTANCES => 'shop' });

# Posts `count` events from CLIENTS processes, each its share one after another;
# calls `meanwhile`; returns how many posts were not answered 200.
sub load {
    my ($name, $count, $meanwhile) = @_;
    my @pids;
    for my $client (0 .. CLIENTS - 1) {
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            my $bad = 0;
            for (my $i = $client; $i < $count; $i += CLIENTS) {
                my $r = $s->webhook(text_event(
                    id => sprintf('%s%05d', $name, $i), at => START + $i % 60,
                    jid => sprintf('336000%05d@s.whatsapp.net', $i % CHATS),
                    text => "message $i"), timeout => 60);
                next if $r->{status} == 200;
                $bad++;
                print STDERR "# $name$i: $r->{status} ", $r->{error} // '', ' ',
                    substr($r->{body} // '', 0, 200), "\n" if $bad < 3;
            }
            POSIX::_exit($bad > 250 ? 250 : $bad);
        }
        push @pids, $pid;
    }
    $meanwhile->();
    my $bad = 0;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $bad += $? >> 8;
        $bad++ if $? & 127;
    }
    return $bad;
}

# Messages stored, by id, over every conversation.
sub stored {
    my %count;
    for my $conversation ($s->all('/api/v1/conversations')) {
        my $r = $s->get("/api/v1/conversations/$conversation->{id}");
        die "GET conversation: $r->{status}\n" if $r->{status} != 200;
        $count{ $_->{message_id} }++ for @{ $r->{json}{messages} };
    }
    return \%count;
}

sub once {
    my ($name, $count) = @_;
    my $stored = stored();
    my @ids = map { sprintf '%s%05d', $name, $_ } 0 .. $count - 1;
    is(scalar(grep { !$stored->{$_} } @ids), 0, "$name: none is missing");
    is(scalar(grep { ($stored->{$_} // 0) > 1 } @ids), 0, "$name: none is there twice");
    return $stored;
}

# --- stopped ---

$s->kill_worker('--stay-down');
my $begin = time;
my $bad = load('STOPPED', POSTS, sub {
    my $left = STOPPED_S - (time - $begin);
    sleep $left if $left > 0;
    $s->restart_worker;
});
is($bad, 0, POSTS . ' posts while the worker is stopped: all answered 200');
once('STOPPED', POSTS);

# --- killed ---

my $kills = 0;
$bad = load('KILLED', POSTS, sub {
    for (1 .. KILLS) {
        sleep 0.25;
        $s->kill_worker('--stay-down');
        $kills++;
        $s->restart_worker;
    }
});
is($kills, KILLS, KILLS . ' kills under load');
is($bad, 0, 'all answered 200');
my $stored = once('KILLED', POSTS);
is(scalar(keys %$stored), 2 * POSTS, 'and nothing else is there');

# The same again: acknowledged, and stored once.
$bad = load('KILLED', 100, sub { });
is($bad, 0, 'duplicates are acknowledged');
is(scalar(keys %{ stored() }), 2 * POSTS, 'and add nothing');
$s->remove;
done_testing();
