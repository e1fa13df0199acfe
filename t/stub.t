#!/usr/bin/perl
# The imitation of whatsapp-api is a tool that other tests believe: its own test.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use HTTP::Tiny ();
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

use WhatsAppStub;

my $dir = tempdir('sellify-stub-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $hook = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16)
    or die "listen: $!";
my $wa = WhatsAppStub->start(log => "$dir/sent.jsonl", key => 'K',
    instances => ['shop'],
    webhook => 'http://127.0.0.1:' . $hook->sockport . '/api/v1/webhook/t0ken');
my $http = HTTP::Tiny->new(timeout => 5);

sub ask {
    my ($path, $body, %header) = @_;
    my $r = $http->request($body ? 'POST' : 'GET', $wa->url . $path, {
        headers => { apikey => 'K', %header },
        $body ? (content => encode_json($body)) : () });
    return ($r->{status}, scalar eval { decode_json($r->{content}) }, $r->{content});
}

my %text = (number => '33612345678@s.whatsapp.net',
    options => { messageId => 'M1' }, textMessage => { text => "h\x{e9}" });

# All that is posted to the webhook now; every connection is open at once.
sub posts {
    my ($count) = @_;
    my (@open, @got);
    local $SIG{ALRM} = sub { die "no webhook came\n" };
    alarm 5;
    push @open, scalar $hook->accept for 1 .. $count;
    for my $c (@open) {
        my ($head, $length) = ('', 0);
        while (my $line = <$c>) {
            $head .= $line;
            $length = $1 if $line =~ /^content-length: (\d+)/i;
            last if $line eq "\r\n";
        }
        my $body;
        read $c, $body, $length;
        print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        close $c;
        push @got, { head => $head, body => decode_json($body) };
    }
    alarm 0;
    return @got;
}

subtest 'a send' => sub {
    my ($status, $body) = ask('/message/sendText/shop', \%text);
    is $status, 201;
    is $body->{keyId}, 'M1', 'our id comes back';
    is $body->{keyRemoteJid}, $text{number};
    is_deeply $body->{content}, { text => "h\x{e9}" };
    my ($sent) = $wa->sent;
    is $sent->{text}, "h\x{e9}";
    is $sent->{instance}, 'shop';
};

subtest 'who may' => sub {
    is +(ask('/message/sendText/shop', \%text, apikey => 'wrong'))[0], 401;
    is +(ask('/message/sendText/shop', \%text, apikey => ''))[0], 401;
    my ($status, $body) = ask('/message/sendText/other', \%text);
    is $status, 400;
    like $body->{message}[0], qr/does not exist or is not connected/;
    is +(ask('/message/sendText', \%text))[0], 404;
    is +(ask('/message/sendText/shop'))[0], 404, 'GET of a POST route';
};

subtest 'what the schema refuses' => sub {
    for ([number => ''], [number => 'x'], [textMessage => undef],
        [textMessage => {}], [textMessage => { text => '' }]) {
        my ($status, $body) =
            ask('/message/sendText/shop', { %text, $_->[0] => $_->[1] });
        is $status, 400;
        ok $body->{message}[0]{property}, 'names a property';
    }
    is scalar(my @all = $wa->sent), 1, 'and nothing was sent';
};

subtest 'numbers that it mangles' => sub {
    my %jid = ('5531912345678' => '5531912345678@s.whatsapp.net',
        '5531982345678' => '553182345678@s.whatsapp.net',
        '2290112345678' => 'undefined@s.whatsapp.net',
        '33612345678' => '33612345678@s.whatsapp.net',
        '33612345678:3@s.whatsapp.net' =>
            '33612345678:3@s.whatsapp.net@s.whatsapp.net',
        '22990123456789@lid' => '22990123456789@lid');
    for (sort keys %jid) {
        my (undef, $body) =
            ask('/message/sendText/shop', { %text, number => $_ });
        is $body->{keyRemoteJid}, $jid{$_}, "to $_";
    }
};

subtest 'media' => sub {
    my %media = (number => $text{number}, mediaMessage =>
        { mediatype => 'image', media => 'https://a.example/1.jpg' });
    my ($status, $body) = ask('/message/sendMedia/shop', \%media);
    is $status, 201;
    is $body->{messageType}, 'imageMessage';
    $media{mediaMessage}{media} = 'http://localhost/1.jpg';
    ($status, $body, my $raw) = ask('/message/sendMedia/shop', \%media);
    is $status, 201, 'a URL that it does not take for one';
    is $raw, '', 'is answered with nothing';
};

subtest 'echoes come all at once and are not repeated' => sub {
    $wa->set(echo => ['send.message', 'upsert', 'append']);
    my ($status) = ask('/message/sendText/shop', \%text);
    is $status, 201, 'the answer does not wait for the webhook';
    my @posts = posts(3);
    is_deeply [sort map { $_->{body}{event} } @posts],
        ['messages.upsert', 'messages.upsert', 'send.message'];
    is_deeply [grep { $_ } map { $_->{body}{data}{info}{type} } @posts],
        ['append'];
    is $_->{body}{data}{keyId}, 'M1' for @posts;
    ok $_->{body}{data}{keyFromMe} for @posts;
    like $_->{head}, qr/^Resource-Owner: 33700000000\@s/m for @posts;
    like $posts[0]{head}, qr{^POST /api/v1/webhook/t0ken HTTP/1\.1\r\n};
    ok !IO::Select->new($hook)->can_read(0.2), 'no more of them';
    is $wa->stats->{echoes_ok}, 3;
    $wa->set(echo => []);
    $wa->set(emit => [{ event => 'connection.update' }]);
    is +(posts(1))[0]{body}{event}, 'connection.update';
};

subtest 'faults' => sub {
    my $before = $wa->stats->{sent};
    my %status = (no_key_id => 201, http500 => 500, http502 => 502,
        error400 => 400, exists_false => 400, media_gone => 400,
        redirect => 302);
    for (sort keys %status) {
        $wa->set(mode => $_);
        my $r = HTTP::Tiny->new(timeout => 5, max_redirect => 0)->post(
            $wa->url . '/message/sendText/shop',
            { headers => { apikey => 'K' }, content => encode_json(\%text) });
        is $r->{status}, $status{$_}, $_;
    }
    is $wa->stats->{sent}, $before, 'none of them sent';
    for (qw(http500_after_send error400_after_send close_before_reply cut_reply)) {
        $wa->set(mode => $_);
        isnt +(ask('/message/sendText/shop', \%text))[0], 201, $_;
        is $wa->stats->{sent}, ++$before, '  sent all the same';
    }
    $wa->set(mode => 'closed');
    is +(ask('/instance/connectionState/shop'))[1]{state}, 'close';
    $wa->set(mode => 'exists_false');
    is +(ask('/instance/connectionState/shop'))[1]{state}, 'open';
    eval { $wa->set(mode => 'nonsense') };
    like $@, qr/unknown mode/;
};

subtest 'hanging and slow' => sub {
    $wa->set(mode => 'hang', times => 1);
    my $r = HTTP::Tiny->new(timeout => 0.3)->post(
        $wa->url . '/message/sendText/shop',
        { headers => { apikey => 'K' }, content => encode_json(\%text) });
    is $r->{status}, 599, 'no answer';
    is +(ask('/message/sendText/shop', \%text))[0], 201, 'once only';
    $wa->set(mode => 'ok', slow_ms => 250);
    my $start = time;
    is +(ask('/message/sendText/shop', \%text))[0], 201;
    cmp_ok time - $start, '>=', 0.25, 'slow';
};

subtest 'ends on SIGTERM' => sub {
    my $url = $wa->url;
    $wa->stop;
    is $http->get("$url/_stub")->{status}, 599;
};

done_testing;
