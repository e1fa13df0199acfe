# `make run` with RUN_ONCE=1: the whole recorded day, every step as expected,
# nothing left running.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";

use Encode qw(decode);
use File::Temp qw(tempdir);
use Sellify::Runner::Server;
use Sellify::Test qw(json_of root slurp spew);
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);
my $dir = tempdir('sy-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/run';
my $port = Sellify::Runner::Server::free_port();

sub demo {
    my (@more) = @_;
    local $ENV{RUN_ONCE} = 1;
    local $ENV{COLUMNS} = 120;
    my $said = decode('UTF-8', join '', `'@{[root()]}/scripts/demo' --port $port --dir '$dir' @more 2>&1`);
    return ($? >> 8, $said);
}

my ($status, $said) = demo();
is($status, 0, 'RUN_ONCE=1 exits 0') or diag $said;
like($said, qr/Every expected step happened/, 'and says so');
like($said, qr/clock is simulated/, 'says that the clock is simulated');
like($said, qr/\Q$_\E/, "shows $_")
    for qw(Awa Karim Mina respond-text respond-media opted-out terminal-state), 'Discovery → Intent';
unlike($said, qr/\e\[/, 'no colours where there is no terminal');
my @long = grep { length > 132 } split /\n/, $said;
is_deeply(\@long, [], 'no line is too long');
ok(!-e "$dir/stack.env", 'the stack is down');
my @events = map { json_of($_) } split /\n/, slurp(root() . '/t/data/conversation.jsonl');
cmp_ok(scalar(@events), '>=', 16, scalar(@events) . ' events');

# It must be able to fail: one expectation turned round.
my ($bad) = grep { ($_->{expect}{rule} // '') eq 'respond-text' } @events;
$bad->{expect}{rule} = 'quota';
spew("$dir.jsonl", join '', map { JSON::PP->new->utf8->encode($_) . "\n" } $bad);
($status, $said) = demo('--events', "$dir.jsonl");
isnt($status, 0, 'a step that does not happen is a failure');
like($said, qr/rule is respond-text, expected quota/, 'and is named');
done_testing();
