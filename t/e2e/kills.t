# kill -9 of the worker at random points of many conversations, then a restart:
# no message lost, none answered twice, the quota never above its limit.  What
# was sent is counted where it arrives: at an imitation of whatsapp-api.
#
# The points are drawn from a fixed seed (KILLS_SEED sets another).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Sellify::Test qw(json_of root slurp spew text_event wait_until);
use Test::More;
use Time::HiRes qw(sleep time);
use WhatsAppStub;

use constant { KILLS => 32, CUSTOMERS => 64, HOUR_LIMIT => 40 };

my $seed = $ENV{KILLS_SEED} // 20261124;
srand $seed;
note "seed $seed";

my $s = Sellify::Test->new(up => 0);
my $dir = $s->{dir};
my $wa = WhatsAppStub->start(log => "$dir/sent.jsonl", key => 'stub-key', slow_ms => 100);

my $policy = json_of(slurp(root() . '/conf/policy.json'));
$policy->{audience} = { mode => 'all', numbers => [] };
$policy->{limits}{hour} = HOUR_LIMIT;
spew("$dir/policy.json", JSON::PP->new->utf8->encode($policy));
spew("$dir/products.json", slurp(root() . '/conf/products.json') =~ s/Sac Lina/Sac Linda/r);

# 10:02 in Paris; at this rate the whole test stays within that hour.
%{ $s->{env} } = (
    SELLIFY_CLOCK_START => '2026-11-24T09:02:00Z', SELLIFY_CLOCK_RATE => 25,
    SELLIFY_INSTANCES => 'shop', SELLIFY_WHATSAPP_DRIVER => 'codechat',
    SELLIFY_WHATSAPP_URL => $wa->url, SELLIFY_WHATSAPP_KEY => 'stub-key',
    SELLIFY_POLICY_FILE => "$dir/policy.json", SELLIFY_PRODUCTS_FILE => "$dir/products.json");
$s->up;
$wa->set(webhook => $s->{webhook_url}, echo => ['send.message', 'upsert']);

my @texts = ('Bonjour', 'c combien le sac ?', 'je voudrais la crème argan svp',
    'trop cher pour moi', 'je prends les baskets', 'vous avez une photo du sac ?');
my %jid = map { ("CUST$_" => sprintf '3361234%04d@s.whatsapp.net', $_) } 0 .. CUSTOMERS - 1;
my @waiting = sort { $a cmp $b } keys %jid;
my ($unanswered, $over) = (0, 0);

# One message each, so that a second reply to a chat is a reply given twice.
sub post_one {
    my $id = shift @waiting // return;
    my $r = $s->webhook(text_event(id => $id, at => 4_000_000_000, jid => $jid{$id},
        name => $id, text => $texts[rand @texts]), timeout => 30);
    $unanswered++, diag "$id: $r->{status} " . ($r->{error} // $r->{body})
        if $r->{status} != 200;
}

sub look_at_quota {
    my $r = $s->get('/api/v1/quota?instance=shop');
    $over++ if $r->{status} == 200 && $r->{json}{messages_this_hour} > HOUR_LIMIT;
    return $r->{json} || {};
}

for my $kill (1 .. KILLS) {
    post_one() for 1 .. 2;
    sleep rand 0.7;
    $s->kill_worker('--stay-down');
    $s->restart_worker;
    look_at_quota();
}
is($unanswered, 0, 'every post was answered 200');
is(scalar(@waiting), 0, 'every customer wrote');

# --- what became of them ---

# Steps that are under way, told by the worker's own gauge.
sub under_way {
    my $text = $s->get('/metrics')->{body};
    my $sum = 0;
    for my $step (qw(collecting decided generated reserved sending)) {
        $sum += $1 if $text =~ /^sellify_pipeline_depth\{[^}]*step="$step"[^}]*\} (\d+)/m;
    }
    return $sum;
}
wait_until(40, 'the pipeline to come to rest', sub { sleep 0.2; !under_way() });
my $quota = look_at_quota();
is($over, 0, 'no look at the quota was above the limit of ' . HOUR_LIMIT);

sub tally {
    my (%sent, %outcome);
    $sent{ $_->{number} // $_->{jid} // 'none' }++ for $wa->sent;
    for my $entry ($s->all('/api/v1/audit')) {
        next unless ($entry->{kind} // '') eq 'message' && $entry->{conversation_id};
        $outcome{ $entry->{conversation_id} }{ $entry->{outcome} // 'none' }++;
    }
    return (\%sent, \%outcome);
}

my ($sent, $outcome) = tally();
my @sent = $wa->sent;
is(scalar(grep { $_ > 1 } values %$sent), 0, 'nobody was answered twice')
    or diag explain $sent;
cmp_ok(scalar(@sent), '<=', HOUR_LIMIT, scalar(@sent) . ' messages were sent in the hour');
cmp_ok(scalar(@sent), '>=', HOUR_LIMIT - KILLS, 'and not none');
cmp_ok($quota->{messages_this_hour}, '>=', scalar(@sent), 'each of them is counted');

# --- the next hours: those who waited for quota are answered too ---

my @now = ('2026-11-24T10:31:00Z', '2026-11-24T11:31:00Z', '2026-11-24T12:31:00Z');
for my $now (@now) {
    is($s->advance_to($now)->{status}, 200, "the clock goes to $now");
    sleep 0.3;
    wait_until(60, 'the pipeline to come to rest', sub { sleep 0.2; !under_way() });
}
($sent, $outcome) = tally();
is(scalar(grep { $_ > 1 } values %$sent), 0, 'nobody was answered twice, hours later');

my %conversation;
for my $item ($s->all('/api/v1/conversations')) {
    my $r = $s->get("/api/v1/conversations/$item->{id}");
    my ($in) = grep { ($_->{message_id} // '') =~ /^CUST/ } @{ $r->{json}{messages} || [] };
    $conversation{ $in->{message_id} } = $r->{json} if $in;
}
is(scalar(keys %conversation), CUSTOMERS, 'no message is lost');

my (%final, @odd);
for my $id (sort keys %conversation) {
    my $o = $outcome->{ $conversation{$id}{id} } || {};
    my $reply = $sent->{ $jid{$id} } // 0;
    my $what = join '+', map { $o->{$_} > 1 ? "$_ x$o->{$_}" : $_ } sort keys %$o;
    $final{"$what/$reply"}++;
    # Sent and told so; or in doubt, and then never tried again.
    push @odd, "$id: $what, $reply sent"
        unless ($what eq 'sent' && $reply == 1) || ($what =~ /^(?:unsure|sent\+unsure)$/ && $reply <= 1);
}
is_deeply(\@odd, [], 'everybody has one outcome, and it is true');
note "outcomes: ", join ', ', map { "$_: $final{$_}" } sort keys %final;

my $verify = $s->get('/api/v1/audit/verify');
SKIP: {
    skip 'no audit/verify yet', 1 if $verify->{status} == 404 || $verify->{status} == 405;
    ok($verify->{json}{valid} // $verify->{json}{ok}, 'the audit chain is whole')
        or diag $verify->{body};
}
$wa->stop;
$s->remove;
done_testing();
