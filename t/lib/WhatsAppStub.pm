package WhatsAppStub;

# An imitation of CodeChat whatsapp-api 1.3 with its bad habits, for the
# end-to-end tests: one process, one select loop, core modules only.  Wire facts:
# the server's source (routes, guards, schema, createJid, sendMessageWithTyping)
# and docs on the webhook.
#
#   my $wa = WhatsAppStub->start(webhook => $url, log => "$dir/sent.jsonl");
#   $wa->url; $wa->set(mode => 'hang'); $wa->sent; $wa->stats; $wa->stop;
#
# Or by hand: t/bin/whatsapp-stub --help.
#
# Control: POST /_stub with any of
#   mode      ok                    sends, answers 201 with keyId
#             no_key_id             answers 201 without a body, sends nothing
#             httpNNN               answers that status, sends nothing
#             http500_after_send    sends, answers 500
#             error400              answers 400 "Error: ...", sends nothing
#             error400_after_send   sends, answers 400 "Error: ..."
#             hang                  reads and never answers, sends nothing
#             hang_after_send       sends and never answers
#             close_before_reply    sends, closes without a byte of answer
#             cut_reply             sends, closes in the middle of the answer
#             garbled               sends, answers 201 with half a JSON text
#             exists_false          answers 400 {"exists":false}; still connected
#             closed                the same, as the socket is down
#             media_gone            answers 400 as when the medium is not there
#             redirect              answers 302
#   times     the mode holds for so many sends, then ok again (default: always)
#   slow_ms   each answer to a send waits so long; the send itself does not
#   echo      list out of "send.message", "upsert", "append": how each send comes
#             back to the webhook, all at once
#   webhook   where to
#   emit      list of envelopes, posted to the webhook at once, each once
# GET /_stub tells counters.
use strict;
use warnings;

use Errno qw(EAGAIN EWOULDBLOCK EINPROGRESS EINTR);
use HTTP::Tiny ();
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_ERROR);
use Time::HiRes qw(time);

use constant { BODY_MAX => 16 << 20, HEAD_MAX => 64 << 10 };

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# --- the caller's side ---

sub start {
    my ($class, %options) = @_;
    pipe(my $read, my $write) or die "pipe: $!";
    my $parent = $$;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if ($pid == 0) {
        close $read;
        # The test's END blocks and buffers are not ours.
        eval {
            my $server = $class->server(%options, parent => $parent);
            syswrite $write, "$server->{port}\n";
            close $write;
            $server->run;
            1;
        } or warn "whatsapp-stub: $@";
        POSIX::_exit($@ ? 1 : 0);
    }
    close $write;
    my $port = <$read>;
    die "whatsapp-stub did not start\n" unless $port;
    chomp $port;
    return bless { pid => $pid, port => $port, log => $options{log},
        owner => $$ }, $class;
}

sub port { $_[0]{port} }
sub url  { "http://127.0.0.1:$_[0]{port}" }

sub set {
    my ($self, %what) = @_;
    my $r = HTTP::Tiny->new(timeout => 10)->post($self->url . '/_stub',
        { content => $json->encode(\%what) });
    die "whatsapp-stub: $r->{status} $r->{content}\n" unless $r->{success};
    return $self;
}

sub stats {
    my $r = HTTP::Tiny->new(timeout => 10)->get($_[0]->url . '/_stub');
    die "whatsapp-stub: $r->{status}\n" unless $r->{success};
    return $json->decode($r->{content});
}

# What was really sent, in order.
sub sent {
    my ($self) = @_;
    open my $in, '<', $self->{log} or return;
    return map { $json->decode($_) } <$in>;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    $self->stop if ref $self && ($self->{owner} // 0) == $$;
}

# --- the server's side ---

my %modes = map { $_ => 1 } qw(ok no_key_id http500_after_send error400
    error400_after_send hang hang_after_send close_before_reply cut_reply garbled
    exists_false closed media_gone redirect);
my %echoes = map { $_ => 1 } qw(send.message upsert append);

sub server {
    my ($class, %options) = @_;
    my $self = bless {
        mode => 'ok', times => undef, slow_ms => 0, echo => [],
        webhook => undef, log => undef, key => undef, instances => undef,
        owner_jid => '33700000000@s.whatsapp.net', parent => undef,
        %options,
        clients => {}, posts => {}, timers => [], next_id => 1,
        stats => { requests => 0, attempts => 0, sent => 0, echoes_ok => 0,
            echoes_failed => 0 },
    }, $class;
    $self->check({ map { $_ => $self->{$_} } qw(mode echo) });
    if (defined $self->{log}) {
        open $self->{out}, '>>', $self->{log} or die "$self->{log}: $!\n";
        $self->{out}->autoflush(1);
    }
    $self->{listen} = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $options{port} || 0, Listen => 512, ReuseAddr => 1,
        Blocking => 0) or die "listen: $!\n";
    $self->{port} = $self->{listen}->sockport;
    return $self;
}

sub run {
    my ($self) = @_;
    my $end = 0;
    local $SIG{TERM} = local $SIG{INT} = sub { $end = 1 };
    local $SIG{PIPE} = 'IGNORE';
    until ($end || ($self->{parent} && getppid() != $self->{parent})) {
        my ($in, $out) = ('', '');
        vec($in, fileno $self->{listen}, 1) = 1;
        for (values %{ $self->{clients} }) {
            vec($in, fileno $_->{socket}, 1) = 1;
            vec($out, fileno $_->{socket}, 1) = 1 if length $_->{out};
        }
        for (values %{ $self->{posts} }) {
            vec($in, fileno $_->{socket}, 1) = 1;
            vec($out, fileno $_->{socket}, 1) = 1 if length $_->{out};
        }
        my $n = select $in, $out, undef, $self->pause;
        $self->run_timers;
        next if $n <= 0;
        $self->take_clients if vec($in, fileno $self->{listen}, 1);
        $self->serve($_, $in, $out) for values %{ $self->{clients} };
        $self->deliver($_, $in, $out) for values %{ $self->{posts} };
    }
}

sub pause {
    my ($self) = @_;
    my ($first) = sort { $a <=> $b } map { $_->[0] } @{ $self->{timers} };
    my $left = defined $first ? $first - time : 1;
    return $left < 0 ? 0 : $left > 1 ? 1 : $left;
}

sub after {
    my ($self, $ms, $do) = @_;
    return $do->() if $ms <= 0;
    push @{ $self->{timers} }, [time + $ms / 1000, $do];
}

sub run_timers {
    my ($self) = @_;
    my $now = time;
    my @due = sort { $a->[0] <=> $b->[0] }
        grep { $_->[0] <= $now } @{ $self->{timers} };
    @{ $self->{timers} } = grep { $_->[0] > $now } @{ $self->{timers} };
    $_->[1]->() for @due;
}

# --- connections that come in ---

sub take_clients {
    my ($self) = @_;
    while (my $socket = $self->{listen}->accept) {
        $socket->blocking(0);
        setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
        my $id = $self->{next_id}++;
        $self->{clients}{$id} =
            { id => $id, socket => $socket, in => '', out => '', busy => 0 };
    }
}

sub drop {
    my ($self, $c) = @_;
    delete $self->{clients}{ $c->{id} };
    $c->{gone} = 1;
    close $c->{socket};
}

# Bytes read, or undef at the end of the connection.
sub take {
    my ($c) = @_;
    my $n = sysread $c->{socket}, $c->{in}, 65536, length $c->{in};
    return $n if $n;
    return 0 if !defined $n && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
    return;
}

sub give {
    my ($c) = @_;
    my $n = syswrite $c->{socket}, $c->{out};
    return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR unless defined $n;
    substr $c->{out}, 0, $n, '';
    return 1;
}

sub serve {
    my ($self, $c, $in, $out) = @_;
    return if $c->{gone};
    my $fd = fileno $c->{socket};
    if (vec $out, $fd, 1) {
        return $self->drop($c) unless give($c);
        return $self->drop($c) if $c->{last} && !length $c->{out};
    }
    if (vec $in, $fd, 1) {
        return $self->drop($c) unless defined take($c);
    }
    $self->parse($c) while !$c->{gone} && !$c->{busy} && $self->has_request($c);
}

sub has_request {
    my ($self, $c) = @_;
    my $end = index $c->{in}, "\r\n\r\n";
    if ($end < 0) {
        $self->drop($c) if length $c->{in} > HEAD_MAX;
        return 0;
    }
    my ($length) = substr($c->{in}, 0, $end + 2)
        =~ /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i;
    if (($length // 0) > BODY_MAX) {
        $self->drop($c);
        return 0;
    }
    return length $c->{in} >= $end + 4 + ($length // 0);
}

sub parse {
    my ($self, $c) = @_;
    my $end = index $c->{in}, "\r\n\r\n";
    my ($line, @lines) = split /\r\n/, substr $c->{in}, 0, $end;
    my %header = map { /^([^:]+):[ \t]*(.*?)[ \t]*$/ ? (lc $1 => $2) : () } @lines;
    my $length = $header{'content-length'} // 0;
    my $body = substr $c->{in}, $end + 4, $length;
    substr $c->{in}, 0, $end + 4 + $length, '';
    my ($method, $path) = split / /, $line;
    $c->{busy} = 1;
    $c->{close} = lc($header{connection} // '') eq 'close';
    $self->route($c, { method => $method // '', path => $path // '',
        header => \%header, body => $body });
}

sub reply {
    my ($self, $c, $status, $value, %more) = @_;
    return if $c->{gone};
    my $body = defined $more{raw} ? $more{raw}
        : defined $value ? $json->encode($value) : '';
    $c->{out} .= "HTTP/1.1 $status $status\r\n"
        . "Content-Type: application/json; charset=utf-8\r\n"
        . join('', map { "$_\r\n" } @{ $more{headers} || [] })
        . 'Content-Length: ' . ($more{length} // length $body) . "\r\n"
        . ($c->{close} ? "Connection: close\r\n" : '') . "\r\n$body";
    $c->{last} = 1 if $c->{close} || $more{last};
    $c->{busy} = 0;
}

# --- routes ---

my %reason = (400 => 'Bad Request', 401 => 'Unauthorized', 404 => 'Not Found',
    500 => 'Internal Server Error');

sub refuse {
    my ($self, $c, $status, @message) = @_;
    $self->reply($c, $status, { status => $status, error => $reason{$status} // 'Error',
        @message ? (message => \@message) : () });
}

sub route {
    my ($self, $c, $r) = @_;
    return $self->control($c, $r) if $r->{path} eq '/_stub';
    $self->{stats}{requests}++;
    my ($what, $instance) =
        $r->{path} =~ m{^/(message/sendText|message/sendMedia|instance/connectionState)/([^/?]+)$};
    my $method = ($what // '') =~ /^message/ ? 'POST' : 'GET';
    return $self->reply($c, 404, { status => 404, error => 'Not Found',
        message => "Cannot $r->{method} $r->{path}" })
        if !$what || $r->{method} ne $method;
    return $self->refuse($c, 401) unless $self->may($r->{header});
    if ($self->{instances} && !grep { $_ eq $instance } @{ $self->{instances} }) {
        return $self->refuse($c, 400,
            qq(The "$instance" instance does not exist or is not connected));
    }
    if ($method eq 'GET') {
        my $open = $self->{mode} ne 'closed';
        return $self->reply($c, 200, { state => $open ? 'open' : 'close',
            statusReason => $open ? 200 : 428 });
    }
    $self->send_message($c, $r, $instance, $what eq 'message/sendMedia');
}

sub may {
    my ($self, $header) = @_;
    my $key = $self->{key};
    return 1 unless defined $key;
    return 1 if ($header->{apikey} // '') eq $key;
    return lc(($header->{authorization} // '')) eq lc "bearer $key"
        && $key =~ /^eyJ/;
}

sub check {
    my ($self, $what) = @_;
    die "unknown mode $what->{mode}\n"
        if defined $what->{mode} && !$modes{ $what->{mode} }
        && $what->{mode} !~ /^http[2-5]\d\d$/;
    for (@{ $what->{echo} || [] }) {
        die "unknown echo $_\n" unless $echoes{$_};
    }
}

sub control {
    my ($self, $c, $r) = @_;
    if ($r->{method} eq 'POST') {
        my $what = eval { $json->decode($r->{body}) };
        return $self->reply($c, 400, { message => 'not an object' })
            unless ref $what eq 'HASH';
        eval { $self->check($what); 1 }
            or return $self->reply($c, 400, { message => "$@" });
        $self->{times} = undef if exists $what->{mode};
        for (qw(mode times slow_ms echo webhook)) {
            $self->{$_} = $what->{$_} if exists $what->{$_};
        }
        $self->post_webhook($_) for @{ $what->{emit} || [] };
    }
    $self->reply($c, 200, { %{ $self->{stats} }, mode => $self->{mode},
        posting => scalar keys %{ $self->{posts} } });
}

# --- sending ---

# The schema's complaints, as the server words them.
sub complaints {
    my ($body, $is_media) = @_;
    my @bad;
    push @bad, { property => 'number', message => 'Invalid format' }
        unless defined $body->{number} && $body->{number} =~ /^\d+[\.\@\w-]+/;
    my $part = $is_media ? 'mediaMessage' : 'textMessage';
    my $message = $body->{$part};
    if (ref $message ne 'HASH') {
        push @bad, { property => 'instance',
            message => qq(requires property "$part") };
    } else {
        for ($is_media ? qw(mediatype media) : 'text') {
            push @bad, { property => $part, message => qq(requires property "$_") }
                unless defined $message->{$_};
        }
        for (grep { defined $message->{$_} && $message->{$_} eq '' }
            $is_media ? qw(fileName caption media) : 'text') {
            push @bad, { property => "$part.$_",
                message => qq(The "$_" cannot be empty) };
        }
    }
    my $options = $body->{options} || {};
    push @bad, { property => 'options.messageId',
        message => 'Set your own id for the message.' }
        if exists $options->{messageId} && ref \$options->{messageId} ne 'SCALAR';
    return @bad;
}

# createJid: a full JID passes, anything else is mended, sometimes to nonsense.
sub create_jid {
    my ($number) = @_;
    return $number
        if $number =~ /^\w+\@(s.whatsapp.net|g.us|lid|broadcast|newsletter)$/i;
    if ($number =~ /^(\d{2})(\d{2})\d(\d{8})$/) {
        return 'undefined@s.whatsapp.net' if $1 ne '55';
        return "$number\@s.whatsapp.net" if substr($3, 0, 1) < 7 || $2 < 31;
        return "$1$2$3\@s.whatsapp.net";
    }
    return $number =~ /-/ ? "$number\@g.us" : "$number\@s.whatsapp.net";
}

# validator.js isURL: a host with a dot and letters after it.
sub is_url {
    $_[0] =~ m{^(?:https?://)?[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?::\d+)?(?:[/?#]\S*)?$};
}

sub send_message {
    my ($self, $c, $r, $instance, $is_media) = @_;
    my $body = eval { $json->decode($r->{body}) };
    $self->{stats}{attempts}++;
    return $self->reply($c, 400, { expose => JSON::PP::true, statusCode => 400,
        status => 400, type => 'entity.parse.failed' }) if ref $body ne 'HASH';
    my @bad = complaints($body, $is_media);
    return $self->refuse($c, 400, @bad) if @bad;
    # Express turns the answer that there is none into an empty 201.
    return $self->reply($c, 201)
        if $is_media && !is_url($body->{mediaMessage}{media});

    my $mode = $self->{mode};
    if (defined $self->{times} && --$self->{times} <= 0) {
        @$self{qw(mode times)} = ('ok', undef);
    }
    my $jid = create_jid($body->{number});
    my %before = (
        no_key_id    => sub { $self->reply($c, 201) },
        error400     => sub { $self->refuse($c, 400, 'Error: Connection Closed') },
        hang         => sub { },
        exists_false => sub {
            $self->refuse($c, 400, { exists => JSON::PP::false, jid => $jid });
        },
        media_gone => sub {
            $self->refuse($c, 400, 'Request failed with status code 404', '');
        },
        redirect => sub {
            $self->reply($c, 302, undef, headers => ['Location: /elsewhere']);
        },
    );
    $before{closed} = $before{exists_false};
    if ($mode =~ /^http(\d+)$/) {
        return $self->refuse($c, $1 + 0, 'Error: Timed Out');
    }
    return $before{$mode}->() if $before{$mode};

    my $sent = $self->deliver_message($body, $jid, $instance, $is_media);
    my $hold = ($body->{options}{delay} || 0) + $self->{slow_ms};
    $self->after($hold, sub { $self->answer_sent($c, $mode, $sent) });
}

sub answer_sent {
    my ($self, $c, $mode, $sent) = @_;
    return if $c->{gone} || $mode eq 'hang_after_send';
    return $self->drop($c) if $mode eq 'close_before_reply';
    return $self->refuse($c, 500, 'Error: write EPIPE')
        if $mode eq 'http500_after_send';
    return $self->refuse($c, 400, 'Error: Timed Out')
        if $mode eq 'error400_after_send';
    my $text = $json->encode($sent);
    return $self->reply($c, 201, undef, last => 1, length => length $text,
        raw => substr $text, 0, 20) if $mode eq 'cut_reply';
    return $self->reply($c, 201, undef, raw => substr $text, 0, 20)
        if $mode eq 'garbled';
    $self->reply($c, 201, $sent);
}

sub deliver_message {
    my ($self, $body, $jid, $instance, $is_media) = @_;
    my $n = ++$self->{stats}{sent};
    my $media = $body->{mediaMessage};
    my $type = $is_media ? "$media->{mediatype}Message" : 'extendedTextMessage';
    my $content = $is_media
        ? { url => 'https://mmg.whatsapp.net/o1/v/t24/f1/stub',
            mimetype => $media->{mediatype} eq 'video' ? 'video/mp4' : 'image/jpeg',
            defined $media->{caption} ? (caption => $media->{caption}) : () }
        : { text => $body->{textMessage}{text} };
    my %message = (
        id => $n, keyId => $body->{options}{messageId} // sprintf('01STUB%020d', $n),
        keyFromMe => JSON::PP::true, keyRemoteJid => $jid,
        messageType => $type, content => $content,
        messageTimestamp => int time, instanceId => 1, device => 'web',
        isGroup => $jid =~ /\@g\.us$/ ? JSON::PP::true : JSON::PP::false,
    );
    if ($self->{out}) {
        syswrite $self->{out}, $json->encode({ at => time, instance => $instance,
            number => $body->{number}, jid => $jid, kind => $is_media
                ? $media->{mediatype} : 'text',
            text => $is_media ? $media->{caption} : $body->{textMessage}{text},
            media => $is_media ? $media->{media} : undef,
            messageId => $body->{options}{messageId},
            keyId => $message{keyId} }) . "\n";
    }
    $self->echo($instance, \%message);
    return \%message;
}

# --- the webhook: no retry, no order, all at once ---

sub echo {
    my ($self, $instance, $message) = @_;
    for my $kind (@{ $self->{echo} }) {
        my %data = %$message;
        if ($kind eq 'append') {
            delete $data{id} unless $data{id};
            $data{info} = { type => 'append' };
            $data{keyLid} = delete $data{keyRemoteJid}
                if $data{keyRemoteJid} =~ /\@lid$/;
        }
        $self->post_webhook({
            event => $kind eq 'send.message' ? 'send.message' : 'messages.upsert',
            instance => { id => 1, name => $instance,
                connectionStatus => 'ONLINE', ownerJid => $self->{owner_jid} },
            data => \%data,
        });
    }
}

sub post_webhook {
    my ($self, $envelope) = @_;
    my ($host, $port, $path) =
        ($self->{webhook} // '') =~ m{^http://([^:/]+)(?::(\d+))?(/.*)?$};
    return $self->{stats}{echoes_failed}++ unless $host;
    my $socket = IO::Socket::INET->new(PeerAddr => $host,
        PeerPort => $port || 80, Blocking => 0);
    return $self->{stats}{echoes_failed}++ unless $socket;
    my $body = $json->encode($envelope);
    my $id = $self->{next_id}++;
    $self->{posts}{$id} = { id => $id, socket => $socket, in => '',
        out => 'POST ' . ($path || '/') . " HTTP/1.1\r\nHost: $host\r\n"
            . "Content-Type: application/json\r\nConnection: close\r\n"
            . "User-Agent: axios/1.7\r\nResource-Owner: $self->{owner_jid}\r\n"
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body" };
}

sub deliver {
    my ($self, $p, $in, $out) = @_;
    my $fd = fileno $p->{socket};
    my $ok = 1;
    $ok = give($p) if vec $out, $fd, 1;
    return if $ok && !vec $in, $fd, 1;
    return if $ok && defined take($p);
    # The end of the answer, or a connection that broke.
    my $good = $p->{in} =~ m{^HTTP/1\.[01] 2\d\d };
    $self->{stats}{ $good ? 'echoes_ok' : 'echoes_failed' }++;
    delete $self->{posts}{ $p->{id} };
    close $p->{socket};
}

1;
