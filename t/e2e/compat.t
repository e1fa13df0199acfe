# Every row of the compatibility table: what clients of the first Sellify API
# send, as they send it, and the fields that they read.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use Sellify::Test qw(json_of);
use Test::More;

my $s = Sellify::Test->new;

# As axios does: Content-Type also on bodyless POSTs.
my %axios = ('Content-Type' => 'application/json', 'User-Agent' => 'axios/1.6.2',
    Accept => 'application/json, text/plain, */*');
sub ask {
    my ($method, $path, $body, %o) = @_;
    return $s->request($method, $path, body => $body, headers => {%axios}, %o);
}

my $integer = qr/\A\d+\z/;
my $rfc3339 = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\z/;

# A JSON number is written without quotes: the text is looked at, as a client
# in a typed language would notice.
sub number_in {
    my ($r, $field, $what) = @_;
    like($r->{body}, qr/"\Q$field\E"\s*:\s*-?\d/, $what // "$field is a number");
}

subtest health => sub {
    my $r = ask('GET', '/health', undef, key => '');
    is($r->{status}, 200, 'status');
    is($r->{json}{status}, 'healthy', 'status field');
    is($r->{json}{service}, 'sellify-core', 'service');
    like($r->{json}{version}, qr/^\d+\.\d+/, 'version');
};

my %decision = (
    incoming_message => 'Je voudrais des informations', conversation_state => 'Discovery',
    quotas_available => JSON::PP::true, is_active_hours => JSON::PP::true,
    sentiment_detected => undef);
for my $row (
    ['as it is', {}, 'RespondText', undef],
    ['outside hours', { is_active_hours => JSON::PP::false }, 'Ignore', 0],
    ['no quota', { quotas_available => JSON::PP::false }, 'Delay', '3600 seconds'],
    ['threat', { sentiment_detected => 'threat' }, 'AlertHuman', 1],
    ['anger', { sentiment_detected => 'anger' }, 'AlertHuman', 1],
    ['empty message', { incoming_message => '' }, 'Ignore', 0],
) {
    my ($what, $change, $action, $details) = @$row;
    subtest "decision: $what" => sub {
        my $r = ask('POST', '/api/v1/decision', { %decision, %$change });
        is($r->{status}, 200, 'status') or diag $r->{body};
        is($r->{json}{action}, $action, 'action');
        ok(exists $r->{json}{details}, 'details is there');
        if (!defined $details) { is($r->{json}{details}, undef, 'details null') }
        elsif ($details eq '1') { like($r->{json}{details} // '', qr/\w/, 'details tells a reason') }
        elsif ($details) { is($r->{json}{details}, $details, 'details') }
    };
}

subtest 'validate: good' => sub {
    my $text = 'Bonjour, comment puis-je vous aider ?';
    my $r = ask('POST', '/api/v1/validate', { text => $text });
    is($r->{status}, 200, 'status');
    ok($r->{json}{valid}, 'valid');
    is($r->{json}{validated_text}, $text, 'validated_text');
    ok(exists $r->{json}{error} && !defined $r->{json}{error}, 'error null');
};

subtest 'validate: bad' => sub {
    my $r = ask('POST', '/api/v1/validate', { text => 'Je suis une AI' });
    is($r->{status}, 200, 'status');
    ok(exists $r->{json}{valid} && !$r->{json}{valid}, 'not valid');
    ok(exists $r->{json}{validated_text} && !defined $r->{json}{validated_text},
        'validated_text null');
    is($r->{json}{error}, 'Generated text contains forbidden word: ai', 'error');
};

for my $kind (qw(text image video)) {
    subtest "quota check: $kind" => sub {
        my $r = ask('POST', '/api/v1/quota/check', { message_type => $kind });
        is($r->{status}, 200, 'status') or diag $r->{body};
        like($r->{body}, qr/"can_send"\s*:\s*true/, 'can_send is true');
        like($r->{body}, qr/"delay_seconds"\s*:\s*(?:\d+|null)\b/, 'delay_seconds');
    };
}
is(ask('POST', '/api/v1/quota/check', { message_type => 'fax' })->{status}, 400,
    'quota check of an unknown kind');

subtest 'quota record and status' => sub {
    my $before = ask('GET', '/api/v1/quota/status');
    is($before->{status}, 200, 'status') or diag $before->{body};
    number_in($before, $_)
        for qw(messages_today messages_this_week images_today videos_this_week);
    like($before->{json}{last_reset}, $rfc3339, 'last_reset');
    like($before->{body}, qr/"$_"\s*:\s*(?:true|false)/, "$_ is a boolean")
        for qw(needs_daily_reset needs_weekly_reset);

    my $r = ask('POST', '/api/v1/quota/record');
    is($r->{status}, 200, 'record') or diag $r->{body};
    is($r->{body}, '', 'record answers nothing');
    my $after = ask('GET', '/api/v1/quota/status');
    is($after->{json}{messages_today}, $before->{json}{messages_today} + 1,
        'counted at once');
    my $bare = $s->request('POST', '/api/v1/quota/record');
    is($bare->{status}, 200, 'record without Content-Type');
};

for my $type (qw(daily weekly)) {
    subtest "reset $type" => sub {
        my $r = ask('POST', "/api/v1/quota/reset/$type");
        is($r->{status}, 200, 'status') or diag $r->{body};
        is($r->{json}{reset_type}, $type, 'reset_type');
        like($r->{json}{timestamp}, $rfc3339, 'timestamp');
    };
}
is(ask('GET', '/api/v1/quota/status')->{json}{messages_today}, 0,
    'nothing used after the resets');

is(ask('POST', '/api/v1/conversation/transition',
    { current_state => 'Discovery', event => 'ProductQuestion' })->{json}{new_state},
    'Interest', 'transition');

subtest products => sub {
    my $r = ask('GET', '/api/v1/products');
    is($r->{status}, 200, 'status') or diag $r->{body};
    is(ref $r->{json}, 'ARRAY', 'a bare array');
    cmp_ok(scalar @{ $r->{json} }, '>=', 1, 'products are there');
    for my $p (@{ $r->{json} }) {
        ok(defined $p->{$_}, "$p->{id}: $_") for qw(id name short_description long_description);
        is(ref $p->{$_}, 'ARRAY', "$p->{id}: $_") for qw(keywords objections media);
        is_deeply([grep { !defined $_->{trigger} || !defined $_->{answer} } @{ $p->{objections} }],
            [], "$p->{id}: objections");
        is_deeply([grep { !defined $_->{id} || ($_->{media_type} // '') !~ /^(?:Image|Video)$/
            || ($_->{url} // '') !~ /^http/ } @{ $p->{media} }], [], "$p->{id}: media");
    }
    like($r->{body}, qr/"price"\s*:\s*49\.90\b/, 'the exact digits of a price, as a number');
    my $one = ask('GET', '/api/v1/products/prod-001');
    is($one->{status}, 200, 'one product');
    is($one->{json}{id}, 'prod-001', 'the right one');
    is(ask('GET', '/api/v1/products/prod-none')->{status}, 404, 'an unknown one');
};

subtest 'audit log' => sub {
    my %entry = (
        id => 'b7d3b3f2-2f2e-4e0e-9d55-0a8f5a3c1c11', timestamp => '2026-11-22T10:00:00.000Z',
        conversation_id => '33612345678@s.whatsapp.net',
        incoming_message => 'Combien ?', state => 'Discovery', chosen_action => 'RespondText',
        ai_prompt => 'p', ai_response => 'r', sent_message => 's',
        quotas_before => { messages_today => 0, messages_this_week => 0 },
        quotas_after => { messages_today => 1, messages_this_week => 1 });
    my $r = ask('POST', '/api/v1/audit/log', \%entry);
    is($r->{status}, 201, 'status') or diag $r->{body};
    is($r->{body}, '', 'an empty body');
    is(ask('POST', '/api/v1/audit/log', \%entry)->{status}, 201, 'again, with the same id');
    is(ask('POST', '/api/v1/audit/log', { %entry, sent_message => 'x' })->{status}, 409,
        'the same id with another entry');
};

subtest metrics => sub {
    my $r = ask('GET', '/metrics');
    is($r->{status}, 200, 'status');
    like($r->{headers}{'content-type'}, qr{^text/plain}, 'text');
    for my $line ('sellify_decisions_total{action="RespondText"',
        'sellify_quota_messages_today', 'sellify_quota_messages_week',
        'sellify_quota_images_today', 'sellify_quota_videos_week',
        'sellify_quota_resets_total{reset_type="daily"') {
        like($r->{body}, qr/^\Q$line\E/m, $line);
    }
};

for my $row (
    ['POST', '/api/v1/decision', \%decision], ['POST', '/api/v1/validate', { text => 'a' }],
    ['POST', '/api/v1/quota/check', { message_type => 'text' }],
    ['POST', '/api/v1/quota/record'], ['GET', '/api/v1/quota/status'],
    ['POST', '/api/v1/quota/reset/daily'], ['POST', '/api/v1/quota/reset/weekly'],
    ['POST', '/api/v1/conversation/transition',
        { current_state => 'Discovery', event => 'ProductQuestion' }],
    ['GET', '/api/v1/products'], ['GET', '/api/v1/products/prod-001'],
    ['POST', '/api/v1/audit/log', { id => 'x' }],
) {
    my ($method, $path, $body) = @$row;
    is(ask($method, $path, $body, key => '')->{status}, 401, "$method $path without a key");
    is(ask($method, $path, $body, key => 'wrong')->{status}, 401, "$method $path with a wrong key");
}

$s->remove;
done_testing();
