# The whole way through whatsapp-api: a customer's message comes in by the
# webhook, the reply leaves by the codechat driver, and what the imitation really
# sent is compared with what the worker believes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Sellify::Test qw(json_of root slurp spew text_event wait_until);
use Test::More;
use Time::HiRes qw(sleep time);
use WhatsAppStub;

my $s = Sellify::Test->new(up => 0);
my $dir = $s->{dir};
my $wa = WhatsAppStub->start(log => "$dir/sent.jsonl", key => 'stub-key');

my $policy = json_of(slurp(root() . '/conf/policy.json'));
$policy->{audience} = { mode => 'all', numbers => [] };
spew("$dir/policy.json", JSON::PP->new->utf8->encode($policy));
spew("$dir/products.json", slurp(root() . '/conf/products.json') =~ s/Sac Lina/Sac Linda/r);

# 10:02 in Paris, a second of ours is a minute there.
%{ $s->{env} } = (
    SELLIFY_CLOCK_START => '2026-11-24T09:02:00Z', SELLIFY_CLOCK_RATE => 60,
    SELLIFY_INSTANCES => 'shop', SELLIFY_WHATSAPP_DRIVER => 'codechat',
    SELLIFY_WHATSAPP_URL => $wa->url, SELLIFY_WHATSAPP_KEY => 'stub-key',
    SELLIFY_POLICY_FILE => "$dir/policy.json", SELLIFY_PRODUCTS_FILE => "$dir/products.json");
$s->up;
$wa->set(webhook => $s->{webhook_url}, echo => [qw(send.message upsert append)]);

my $customer = 0;

# A new customer writes; their JID and the text they wrote.
sub customer_writes {
    my ($text) = @_;
    my $jid = sprintf '33698%06d@s.whatsapp.net', ++$customer;
    my $r = $s->webhook(text_event(id => "CUST$customer", at => 4_000_000_000,
        jid => $jid, name => "Client $customer", text => $text));
    is($r->{status}, 200, "customer $customer writes");
    return $jid;
}

sub sent_to {
    my ($jid) = @_;
    return grep { $_->{number} eq $jid } $wa->sent;
}

# The audit of one customer's chat, newest first.
sub entries_of {
    my ($jid) = @_;
    my ($phone) = $jid =~ /^(\d+)/;
    my ($chat) = grep { ($_->{phone} // '') eq $phone }
        $s->all('/api/v1/conversations');
    return $chat ? $s->all("/api/v1/audit?conversation_id=$chat->{id}") : ();
}

sub wait_outcome {
    my ($jid, $wanted) = @_;
    my @seen;
    my $ok = eval {
        wait_until(20, $wanted, sub {
            sleep 0.1;
            @seen = map { $_->{outcome} // '' } entries_of($jid);
            return grep { $_ eq $wanted } @seen;
        });
    };
    ok($ok, "the audit says $wanted") or diag "it says: @seen";
}

subtest 'a reply is sent once, and its three echoes change nothing' => sub {
    my $jid = customer_writes('Bonjour, vous avez quoi comme sacs ?');
    wait_outcome($jid, 'sent');
    wait_until(10, 'the echoes', sub { $wa->stats->{echoes_ok} >= 3 });
    my @sent = sent_to($jid);
    is(scalar @sent, 1, 'one message left');
    is($sent[0]{jid}, $jid, 'to the full JID');
    ok(length($sent[0]{messageId} // ''), 'under an id of ours');
    sleep 0.5;
    is(scalar(sent_to($jid)), 1, 'the echo is not answered');
    # An own message that is not ours pauses the chat; our echoes do not.
    my $r = $s->webhook(text_event(id => 'AGAIN1', at => 4_000_000_100,
        jid => $jid, text => 'et le prix du sac ?'));
    is($r->{status}, 200);
    wait_until(20, 'a second reply', sub { sleep 0.1; sent_to($jid) == 2 });
    is(scalar(sent_to($jid)), 2, 'the chat is not paused: it is answered again');
};

# What the driver says is certain must be true, and unsure is never repeated.
for (
    [http500_after_send => 'unsure', 1], [close_before_reply => 'unsure', 1],
    [error400           => 'unsure', 0], [no_key_id          => 'failed', 0],
    [exists_false       => 'failed', 0])
{
    my ($mode, $outcome, $sent) = @$_;
    subtest "whatsapp-api does $mode" => sub {
        $wa->set(mode => $mode, echo => []);
        my $attempts = $wa->stats->{attempts};
        my $jid = customer_writes('Bonjour, je cherche un sac');
        wait_outcome($jid, $outcome);
        $wa->set(mode => 'ok');
        sleep 1;
        is($wa->stats->{attempts}, $attempts + 1, 'tried once');
        is(scalar(sent_to($jid)), $sent, "$sent left");
    };
}

subtest 'the socket of whatsapp-api is down for a while' => sub {
    $wa->set(mode => 'closed');
    my $attempts = $wa->stats->{attempts};
    my $jid = customer_writes('Bonjour, je cherche un sac');
    wait_until(20, 'a try', sub { $wa->stats->{attempts} > $attempts });
    is(scalar(sent_to($jid)), 0, 'nothing left');
    $wa->set(mode => 'ok');
    wait_until(30, 'the reply', sub { sleep 0.1; scalar sent_to($jid) });
    wait_outcome($jid, 'sent');
    is(scalar(sent_to($jid)), 1, 'answered once when it is up again');
};

subtest 'an unsure send settles itself by its echo' => sub {
    $wa->set(mode => 'close_before_reply', echo => ['upsert']);
    my $jid = customer_writes('Bonjour, je cherche un sac');
    wait_outcome($jid, 'sent');
    $wa->set(mode => 'ok');
    is(scalar(sent_to($jid)), 1, 'one message left');
};

ok($s->down, 'the stack goes down in order');
$wa->stop;
done_testing;
