# No plaintext of a customer's message, number, name, of a reply, or of a key, in
# the folder of the database (WAL included), in the logs, or readable by others.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Find qw(find);
use Sellify::Test qw(slurp text_event wait_until);
use Test::More;

use constant START => 1795593600;    # 2026-11-25 08:00:00 UTC, a Wednesday

my $s = Sellify::Test->new(env => {
    SELLIFY_CLOCK_START => '2026-11-25T08:00:00Z', SELLIFY_CLOCK_RATE => 60,
    SELLIFY_INSTANCES => 'shop' });

my %secret = (
    message => 'Zanzibarquokka', number => '33699887766', lid => '77665544332211',
    name => 'Hippolytexyz', admin => $s->{admin_key});
($secret{token}) = $s->{webhook_url} =~ m{/([^/]+)$};

my $at = START;
for my $i (1 .. 12) {
    my $r = $s->webhook(text_event(
        id => "SECRECY$i", at => $at, jid => "$secret{number}\@s.whatsapp.net",
        lid => "$secret{lid}\@lid", name => $secret{name},
        text => "Bonjour, combien coûte le sac ? $secret{message} $i"));
    is($r->{status}, 200, "message $i is taken");
    last if $i == 12;
}
my $key = $s->post('/api/v1/keys', { name => 'secrecy', scopes => ['read'] });
$secret{key} = $key->{json}{key} // '';
ok(length $secret{key}, 'a key is made') or diag $key->{body};
$s->post('/api/v1/audit/log', { id => 'secrecy', incoming_message => "$secret{message} audit",
    sent_message => "$secret{message} sent", conversation_id => $secret{number} });

# A reply of ours is in the audit: its words are looked for as well.
my $sent = wait_until(20, 'a reply', sub {
    my ($with) = grep { length($_->{sent_message} // '') && $_->{sent_message} !~ /$secret{message}/ }
        $s->all('/api/v1/audit');
    return $with && $with->{sent_message};
});
$secret{reply} = $sent;
for my $i (1 .. 3) {
    my ($long) = sort { length $b <=> length $a } split ' ', $sent;
    $secret{reply_word} = $long if length $long >= 7;
}

sub haystacks {
    my %text;
    find({ no_chdir => 1, wanted => sub {
        $text{$_} = slurp($_) if -f && !m{/secret/};
    } }, @_);
    return \%text;
}

sub look {
    my ($when) = @_;
    my $db = haystacks("$s->{dir}/db");
    cmp_ok(scalar(keys %$db), '>=', 1, "$when: there is a database");
    ok((grep { /-wal$/ && length $db->{$_} } keys %$db), "$when: with a WAL") if $when eq 'running';
    my $all = { %$db, %{ haystacks("$s->{dir}/logs", "$s->{dir}/run") } };
    for my $what (sort keys %secret) {
        next unless length $secret{$what};
        # A reply's single word may well be in the built-in catalogue, which the
        # worker publishes: it is looked for in the database alone.
        my $where = $what =~ /^reply/ ? $db : $all;
        my @found = grep { index($where->{$_}, $secret{$what}) >= 0
            || index($where->{$_}, unpack 'H*', $secret{$what}) >= 0 } sort keys %$where;
        is_deeply(\@found, [], "$when: the $what is nowhere in plain text");
    }
    # The detector must be able to see: the path of the table names is there.
    ok((grep { /sqlite|CREATE TABLE/i } values %$db), "$when: the search sees the files");
}

look('running');

for my $file ("$s->{dir}/db/sellify.db", "$s->{dir}/secret/master", "$s->{dir}/stack.env",
    "$s->{dir}/secret/worker.conf") {
    my $mode = (stat $file)[2];
    ok(defined $mode && !($mode & 0077), "$file is for its owner alone")
        or diag defined $mode ? sprintf '%o', $mode : 'not there';
}
for my $pid (grep { defined } $s->child_pid, $s->{worker_pid}, $s->{nginx_pid}) {
    my $argv = slurp("/proc/$pid/cmdline") // '';
    is_deeply([grep { length && index($argv, $_) >= 0 } values %secret], [],
        "no secret in the command line of $pid");
}

# Masked without the scope that unmasks.
my ($r) = wait_until(5, 'nginx to know the key', sub {
    my $r = $s->get('/api/v1/conversations', key => $secret{key});
    $r->{status} == 200 ? $r : undef });
unlike($r->{body}, qr/\Q$secret{number}\E|\Q$secret{name}\E/, 'a read key sees no number and no name');
$r = $s->get('/api/v1/audit', key => $secret{key});
unlike($r->{body}, qr/\Q$secret{message}\E|\Q$secret{number}\E/, 'nor a text');

$s->down;
look('stopped');
$s->remove;
done_testing();
