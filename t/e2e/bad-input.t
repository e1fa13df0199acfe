# Bad input through nginx and, with curl --unix-socket, straight to the worker:
# the status of the contract, and a problem+json body that names the field.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use JSON::PP ();
use Sellify::Test qw(json_of slurp spew wait_until);
use Test::More;

my $s = Sellify::Test->new;
my $scratch = File::Temp->newdir;

# Straight to the worker, as a person would do it.
sub curl {
    my ($method, $path, $body, %o) = @_;
    my $key = $o{key} // $s->{admin_key};
    my $type = $o{type} // 'application/json';
    my @command = ('curl', '-sS', '-m', '15', '--unix-socket', $s->{socket},
        '-X', $method, '-o', "$scratch/out", '-D', "$scratch/head",
        '-w', '%{http_code}', '-H', 'Expect:');
    if (length $key) {
        # A key on the command line would show in ps.
        spew("$scratch/key", "X-API-Key: $key");
        push @command, '-H', "\@$scratch/key";
    }
    if (defined $body) {
        spew("$scratch/in", $body);
        push @command, '--data-binary', "\@$scratch/in",
            '-H', length $type ? "Content-Type: $type" : 'Content-Type:';
    }
    unlink "$scratch/out", "$scratch/head";
    open my $pipe, '-|', @command, "http://worker$path" or die "no curl: $!\n";
    my $code = join '', <$pipe>;
    close $pipe;
    my %headers = map { /^([^:\s]+):\s*(.*?)\r?$/ ? (lc $1 => $2) : () }
        split /\n/, slurp("$scratch/head") // '';
    my $out = slurp("$scratch/out") // '';
    return { status => $code + 0, headers => \%headers, body => $out,
        json => eval { json_of($out) } };
}

sub nginx {
    my ($method, $path, $body, %o) = @_;
    return $s->request($method, $path, body => $body, %o);
}

my %via = (nginx => \&nginx, socket => \&curl);

sub problem {
    my ($r, $status, $what, $pointer) = @_;
    subtest $what => sub {
        is($r->{status}, $status, 'status') or diag "$r->{body} " . ($r->{error} // '');
        like($r->{headers}{'content-type'} // '', qr{^application/problem\+json}, 'problem+json');
        my $p = ref $r->{json} eq 'HASH' ? $r->{json} : {};
        is($p->{status}, $status, 'status member');
        ok(length($p->{$_} // ''), "$_ member") for qw(type title detail);
        ok(length($r->{headers}{'x-request-id'} // ''), 'X-Request-Id');
        if (defined $pointer) {
            my @pointers = map { $_->{pointer} } @{ $p->{errors} || [] };
            ok((grep { $_ eq $pointer } @pointers), "names $pointer")
                or diag "named: @pointers; $r->{body}";
        }
        is_deeply([grep { $r->{body} =~ /\Q$_\E/ } $s->{admin_key}], [], 'shows no key');
    };
}

# --- bodies ---

my $deep = '{"a":' x 40 . '1' . '}' x 40;
my $n = [qw(nginx)];
my $b = [qw(nginx socket)];
my $w = [qw(socket)];

# where, method, path, body, status, pointer, options
my @rows = (
    # not JSON at all
    (map { my $p = $_; map { [$n, 'POST', $p, $_, 400] }
        '{', 'hello', '{"a":1} x', "{\"a\":1,}", '[]', '"text"', '', '   ', "\0" }
        qw(/api/v1/decision /api/v1/validate /api/v1/conversation/transition /decision /validate)),
    (map { my $p = $_; map { [$b, 'POST', $p, $_, 400] }
        '{', 'hello', '{"a":1} x', '[]', '"text"' }
        qw(/api/v1/quota/reserve /api/v1/quota/release /api/v1/quota/record /api/v1/audit/log)),
    [$n, 'POST', '/api/v1/quota/check', '', 400],

    # encoding, duplicates, escapes, nesting
    [$n, 'POST', '/api/v1/validate', "{\"text\":\"caf\xe9\"}", 400],
    [$n, 'POST', '/api/v1/validate', "{\"text\":\"\xed\xa0\x80\"}", 400],
    [$n, 'POST', '/api/v1/validate', "{\"text\":\"\xc0\xaf\"}", 400],
    [$n, 'POST', '/api/v1/validate', '{"text":"a\u0000b"}', 400],
    [$n, 'POST', '/api/v1/validate', '{"text":"\ud800"}', 400],
    [$n, 'POST', '/api/v1/validate', '{"text":"a","text":"b"}', 400],
    [$n, 'POST', '/api/v1/validate', $deep, 400],
    [$b, 'POST', '/api/v1/audit/log', "{\"id\":\"caf\xe9\"}", 400],
    [$b, 'POST', '/api/v1/audit/log', '{"id":"a","id":"b"}', 400],
    [$b, 'POST', '/api/v1/quota/reserve', '{"message_type":"te\u0000xt"}', 400],
    [$b, 'POST', '/api/v1/quota/reserve', $deep, 400],

    # types and enums, named by pointer
    [$n, 'POST', '/api/v1/validate', '{}', 400, '/text'],
    [$n, 'POST', '/api/v1/validate', '{"text":5}', 400, '/text'],
    [$n, 'POST', '/api/v1/validate', '{"text":null}', 400, '/text'],
    [$n, 'POST', '/api/v1/validate', '{"text":"a","max_length":"9"}', 400, '/max_length'],
    [$n, 'POST', '/api/v1/validate', '{"text":"a","max_length":-1}', 400, '/max_length'],
    [$n, 'POST', '/api/v1/validate', '{"text":"a","product_id":"none-such"}', 400, '/product_id'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":7}', 400, '/incoming_message'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a","conversation_state":"Lost"}', 400, '/conversation_state'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a","conversation_state":3}', 400, '/conversation_state'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a","conversation_state":"Discovery","quotas_available":"yes"}', 400, '/quotas_available'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a","conversation_state":"Discovery","is_active_hours":1}', 400, '/is_active_hours'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a","conversation_state":"Discovery","message_type":"smell"}', 400, '/message_type'],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a","conversation_state":"Discovery","misunderstandings":-2}', 400, '/misunderstandings'],
    [$n, 'POST', '/api/v1/conversation/transition', '{"current_state":"Discovery"}', 400, '/event'],
    [$n, 'POST', '/api/v1/conversation/transition', '{"current_state":"Lost","event":"Freeze"}', 400, '/current_state'],
    [$n, 'POST', '/api/v1/conversation/transition', '{"current_state":"Discovery","event":"Sneeze"}', 400, '/event'],
    [$n, 'POST', '/api/v1/quota/check', '{"message_type":"fax"}', 400, '/message_type'],
    [$n, 'POST', '/api/v1/quota/check', '{"message_type":1}', 400, '/message_type'],
    [$n, 'POST', '/api/v1/quota/check', '{"message_type":"text","instance":"no-such"}', 404],
    [$b, 'POST', '/api/v1/quota/reserve', '{"message_type":"fax"}', 400, '/message_type'],
    [$b, 'POST', '/api/v1/quota/reserve', '{"message_type":"text","instance":5}', 400, '/instance'],
    [$b, 'POST', '/api/v1/quota/release', '{"reservation_id":5}', 400, '/reservation_id'],
    [$b, 'POST', '/api/v1/quota/release', '{"reservation_id":"rsv_00000000000000000000000000000000"}', 404],
    [$b, 'POST', '/api/v1/audit/log', '{"id":5}', 400, '/id'],
    [$b, 'POST', '/api/v1/audit/log', '{"id":"a","state":"Lost"}', 400, '/state'],
    [$b, 'POST', '/api/v1/keys', '{"name":"a","scopes":["everything"]}', 400],
    [$b, 'POST', '/api/v1/keys', '{"name":"a","scopes":"read"}', 400, '/scopes'],

    # sizes
    [$n, 'POST', '/api/v1/validate', '{"text":"' . 'a' x 70_000 . '"}', 413],
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"' . 'a' x 70_000 . '"}', 413],
    [$b, 'POST', '/api/v1/audit/log', '{"id":"' . 'a' x 70_000 . '"}', 413],

    # content types
    (map { [$n, 'POST', '/api/v1/validate', '{"text":"a"}', 415, undef, type => $_] }
        'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'),
    [$b, 'POST', '/api/v1/quota/reserve', '{"message_type":"text"}', 415, undef, type => 'text/plain'],
    [$b, 'POST', '/api/v1/audit/log', '{"id":"a"}', 415, undef, type => 'text/plain'],

    # methods
    [$n, 'GET', '/api/v1/decision', undef, 405], [$n, 'DELETE', '/api/v1/validate', undef, 405],
    [$n, 'PUT', '/api/v1/conversation/transition', '{}', 405],
    [$n, 'POST', '/health', '{}', 405],
    [$b, 'GET', '/api/v1/quota/reserve', undef, 405], [$b, 'PUT', '/api/v1/audit/log', '{}', 405],
    [$b, 'DELETE', '/api/v1/conversations', undef, 405],

    # nowhere
    [$b, 'GET', '/api/v1/nothing', undef, 404], [$b, 'GET', '/api/v1/conversations/cnv_no', undef, 404],
    [$b, 'GET', '/api/v1/audit/aud_no', undef, 404], [$b, 'GET', '/api/v1/products/none', undef, 404],

    # lists
    [$b, 'GET', '/api/v1/audit?limit=0', undef, 400], [$b, 'GET', '/api/v1/audit?limit=201', undef, 400],
    [$b, 'GET', '/api/v1/audit?limit=ten', undef, 400], [$b, 'GET', '/api/v1/audit?cursor=%00', undef, 400],
    [$b, 'GET', '/api/v1/audit?from=yesterday', undef, 400],
    [$b, 'GET', '/api/v1/conversations?state=Lost', undef, 400],
    [$b, 'GET', '/api/v1/conversations?cursor=garbage', undef, 400],
);

for my $row (@rows) {
    my ($where, $method, $path, $body, $status, $pointer, %o) = @$row;
    for my $via (@$where) {
        my $shown = !defined $body ? '' : length $body > 60
            ? ' ' . length($body) . ' bytes' : ' ' . $body =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
        my $r = $via{$via}->($method, $path, $body, %o);
        problem($r, $status, "$via: $method $path$shown"
            . (defined $o{type} ? " as $o{type}" : '') . " -> $status", $pointer);
        ok(length($r->{headers}{allow} // ''), "$via: $method $path: Allow") if $status == 405;
    }
}

# --- keys ---

my @guarded = (
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a"}'],
    [$n, 'POST', '/api/v1/validate', '{"text":"a"}'],
    [$n, 'GET', '/api/v1/quota', undef],
    [$b, 'POST', '/api/v1/quota/reserve', '{"message_type":"text"}'],
    [$b, 'GET', '/api/v1/audit', undef], [$b, 'GET', '/api/v1/conversations', undef],
    [$b, 'GET', '/api/v1/config', undef], [$b, 'GET', '/api/v1/keys', undef],
    [$b, 'GET', '/api/v1/products', undef],
);
for my $row (@guarded) {
    my ($where, $method, $path, $body) = @$row;
    for my $via (@$where) {
        for my $key ('', 'wrong', substr($s->{admin_key}, 0, -1), "$s->{admin_key}x", 'x' x 5000) {
            my $shown = length $key > 20 ? length($key) . ' bytes' : "'$key'";
            my $r = $via{$via}->($method, $path, $body, key => $key);
            ok($r->{status} == 401 || ($r->{status} == 400 && length $key > 1000)
                || ($r->{status} == 431 && length $key > 1000),
                "$via: $method $path with key $shown is refused") or diag "$r->{status} $r->{body}";
        }
    }
}

my %key;
for my $scope (qw(read decide webhook send)) {
    my $r = $s->post('/api/v1/keys', { name => "only-$scope", scopes => [$scope] });
    is($r->{status}, 201, "a key with the scope $scope") or diag $r->{body};
    $key{$scope} = $r->{json}{key} // 'none';
}
# nginx learns of new keys within a second.
wait_until(5, 'nginx to know the new keys', sub {
    $s->get('/api/v1/quota', key => $key{read})->{status} == 200 });
for my $row (
    [$n, 'POST', '/api/v1/decision', '{"incoming_message":"a"}', 'read'],
    [$n, 'POST', '/api/v1/validate', '{"text":"a"}', 'webhook'],
    [$n, 'GET', '/api/v1/quota', undef, 'decide'],
    [$b, 'GET', '/api/v1/audit', undef, 'decide'],
    [$b, 'POST', '/api/v1/quota/reserve', '{"message_type":"text"}', 'read'],
    [$b, 'POST', '/api/v1/audit/log', '{"id":"a"}', 'read'],
    [$b, 'POST', '/api/v1/keys', '{"name":"a","scopes":["admin"]}', 'decide'],
    [$b, 'GET', '/api/v1/keys', undef, 'read'],
    [$b, 'POST', '/api/v1/quota/reset/daily', '{}', 'decide'],
) {
    my ($where, $method, $path, $body, $scope) = @$row;
    problem($via{$_}->($method, $path, $body, key => $key{$scope}), 403,
        "$_: $method $path with only $scope") for @$where;
}

# --- the webhook ---

my ($hook) = $s->{webhook_url} =~ m{^http://[^/]+(/.*)};
for my $via (qw(nginx socket)) {
    problem($via{$via}->('POST', $hook, '{', key => ''), 400, "$via: webhook: not JSON");
    problem($via{$via}->('POST', $hook, '"text"', key => ''), 400, "$via: webhook: no object");
    problem($via{$via}->('POST', $hook, "{\"event\":\"\xff\"}", key => ''), 400, "$via: webhook: bad UTF-8");
    is($via{$via}->('POST', $hook, '{"event":"something.new","instance":{"name":"shop"},"data":{}}',
        key => '')->{status}, 200, "$via: webhook: an unknown event is acknowledged");
}
my $r = nginx('POST', "$hook-wrong", '{}', key => '');
ok($r->{status} == 401 || $r->{status} == 404, 'webhook: a wrong token') or diag $r->{status};
$r = nginx('POST', '/api/v1/webhook/whatsapp', '{}', key => '');
is($r->{status}, 401, 'webhook: no token, no key');
$r = nginx('POST', $hook, '{"x":"' . 'a' x (8 * 1024 * 1024) . '"}', key => '', timeout => 30);
is($r->{status}, 413, 'webhook: more than 8 MiB');
my ($token) = $hook =~ m{/([^/]+)$};
my $logs = join '', map { slurp($_) // '' } glob "$s->{dir}/logs/*";
is(index($logs, $token), -1, 'the token is in no log');
is(index($logs, $s->{admin_key}), -1, 'the key is in no log');

# --- the worker is still there, and nothing was counted ---

is($s->get('/api/v1/health/ready')->{status}, 200, 'ready after all of it');
is($s->get('/api/v1/quota')->{json}{messages_today}, 0, 'no message was counted');
unlike($logs, qr/\[(?:crit|alert|emerg)\]/, 'no alarm in the logs of nginx');
$s->remove;
done_testing();
