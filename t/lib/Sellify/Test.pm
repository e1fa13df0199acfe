package Sellify::Test;

# End-to-end tests over scripts/stack: a whole system in a folder of its own,
# requests over TCP or the Unix socket, and waits that have a deadline.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(sleep time);

use Sellify::Runner::Client;
use Sellify::Runner::Server;

our @EXPORT_OK = qw(wait_until event text_event slurp spew
    read_env json_of root);

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $json = JSON::PP->new->utf8->canonical;
my %running;

sub root { $root }

# --- the stack ---

# new(env => {SELLIFY_X => ...}, dir => DIR, up => 0).  Not built: the file is
# a failure, and not skipped, so that a broken build cannot pass.
sub new {
    my ($class, %o) = @_;
    my $self = bless {
        dir  => $o{dir} || File::Temp::tempdir('sy-XXXXXX', TMPDIR => 1),
        own  => !$o{dir},
        port => $o{port} || Sellify::Runner::Server::free_port(),
        env  => $o{env} || {},
    }, $class;
    $self->up unless defined $o{up} && !$o{up};
    return $self;
}

sub stack {
    my ($self, @words) = @_;
    my ($command, @rest) = @words;
    my @command = ("$root/scripts/stack", $command, $self->{dir}, @rest);
    my $quoted = join ' ', map { s/'/'\\''/gr =~ s/(.*)/'$1'/sr } @command;
    my $said = `$quoted 2>&1`;
    return ($? >> 8, $said);
}

sub up {
    my ($self) = @_;
    my $file = "$self->{dir}.env";
    spew($file, join '', map { "$_=$self->{env}{$_}\n" } sort keys %{ $self->{env} });
    chmod 0600, $file;
    $running{"$self"} = $self;
    my ($status, $said) = $self->stack('up', '--port', $self->{port}, '--env', $file);
    unlink $file;
    if ($status) {
        Test::More::diag($said);
        die "the stack did not come up\n";
    }
    my %told = read_env("$self->{dir}/stack.env");
    @$self{ map { lc } keys %told } = values %told;
    return $self;
}

sub down {
    my ($self) = @_;
    my ($status, $said) = $self->stack('down');
    delete $running{"$self"};
    Test::More::diag($said) if $status;
    return $status == 0;
}

sub remove {
    my ($self) = @_;
    $self->down if $running{"$self"};
    remove_tree($self->{dir}) if $self->{own} && !$ENV{SELLIFY_TEST_KEEP};
}

my $owner = $$;

# Ended from outside (a time-out, a closed pipe): END must still run.
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);

END {
    if ($$ == $owner) {
        local $?;
        for my $stack (values %running) {
            Test::More::diag(join '', $stack->log_tail) if $? || $stack->{show_logs};
            $stack->remove;
        }
    }
}

sub log_tail {
    my ($self) = @_;
    my @lines = split /^/, slurp("$self->{dir}/logs/worker.log") // '';
    splice @lines, 0, @lines - 20 if @lines > 20;
    return @lines;
}

sub child_pid {
    my ($self) = @_;
    my $text = slurp("$self->{dir}/run/worker.pid") // '';
    return $text =~ /\A(\d+)/ ? $1 : undef;
}

# SIGKILL of the worker's child; the parent starts another unless told not to.
sub kill_worker {
    my ($self, @stay_down) = @_;
    my ($status, $said) = $self->stack('kill-worker', @stay_down);
    die "kill-worker: $said" if $status;
}

sub restart_worker {
    my ($self) = @_;
    my ($status, $said) = $self->stack('restart-worker');
    die "restart-worker: $said" if $status;
}

# --- requests ---

# request(METHOD, PATH, body => TEXT or REF, key => K or '', headers => {},
# type => T or '', unix => 1, timeout => S)
# -> { status, headers => {lower => value}, body, json } or { status => 0, error }
sub request {
    my ($self, $method, $path, %o) = @_;
    my $body = $o{body};
    $body = $json->encode($body) if ref $body;
    my %h = (Host => 'localhost', Connection => 'close', %{ $o{headers} || {} });
    my $key = $o{key} // $self->{admin_key};
    $h{'X-API-Key'} //= $key if length $key;
    my $type = $o{type} // 'application/json';
    $h{'Content-Type'} //= $type if defined $body && length $type;
    $h{'Content-Length'} //= length($body // '')
        if defined $body || $method =~ /^(?:POST|PUT)$/;
    my $bytes = "$method $path HTTP/1.1\r\n"
        . join('', map { "$_: $h{$_}\r\n" } sort keys %h) . "\r\n" . ($body // '');
    my $socket = $o{unix}
        ? IO::Socket::UNIX->new(Peer => $self->{socket})
        : IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port},
            Timeout => 5);
    return { status => 0, error => "connect: $!" } unless $socket;
    my ($raw, $error) = _talk($socket, $bytes, $o{timeout} // 15);
    my $r = Sellify::Runner::Client::parse($raw, $method eq 'HEAD');
    my %answer = (
        status => $r->{code} || 0, body => $r->{body},
        error => $error // $r->{error},
        headers => { map { $_ => join ', ', @{ $r->{headers}{$_} } } keys %{ $r->{headers} } });
    $answer{json} = eval { $json->decode($r->{body}) }
        if ($answer{headers}{'content-type'} // '') =~ /json/;
    return \%answer;
}

sub _talk {
    my ($socket, $bytes, $timeout) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $deadline = time + $timeout;
    my ($in, $sent) = ('', 0);
    $socket->blocking(0);
    while (1) {
        my $left = $deadline - time;
        return ($in, 'time-out') if $left <= 0;
        my ($r, $w) = ('', '');
        vec($r, fileno $socket, 1) = 1;
        vec($w, fileno $socket, 1) = 1 if $sent < length $bytes;
        select $r, length $w ? $w : undef, undef, $left or next;
        if (vec $r, fileno $socket, 1) {
            my $got = sysread $socket, $in, 65536, length $in;
            return ($in, undef) if defined $got && $got == 0;
            return ($in, "read: $!") if !defined $got && !$!{EAGAIN} && !$!{EINTR};
        }
        if (length $w && vec $w, fileno $socket, 1) {
            my $n = syswrite $socket, $bytes, 262144, $sent;
            if (defined $n) { $sent += $n }
            elsif (!$!{EAGAIN} && !$!{EINTR}) { $sent = length $bytes }
        }
    }
}

sub get  { my ($self, $path, %o) = @_; return $self->request('GET', $path, %o) }
sub post { my ($self, $path, $body, %o) = @_; return $self->request('POST', $path, body => $body, %o) }

# An event through the real webhook on nginx.
sub webhook {
    my ($self, $event, %o) = @_;
    my ($path) = $self->{webhook_url} =~ m{^http://[^/]+(/.*)};
    return $self->post($path, $event, key => '', %o);
}

# Every item of a list, page after page.
sub all {
    my ($self, $path) = @_;
    my ($cursor, @items) = ('');
    do {
        my $sep = $path =~ /\?/ ? '&' : '?';
        my $r = $self->get("$path${sep}limit=200" . ($cursor ? "&cursor=$cursor" : ''));
        die "GET $path: $r->{status} $r->{body}\n" if $r->{status} != 200;
        push @items, @{ $r->{json}{items} };
        $cursor = $r->{json}{next_cursor};
    } while ($cursor);
    return @items;
}

# The simulated clock, over the local operator's socket. Time is RFC 3339.
sub advance_to {
    my ($self, $when) = @_;
    local $self->{socket} = $self->{admin_socket};
    return $self->post('/api/v1/clock', { advance_to => $when }, unix => 1, key => '');
}

# --- events in CodeChat's wire format ---

# event(id, at (epoch), jid | lid, type, content, %more of data)
sub event {
    my (%e) = @_;
    my %data = (
        id => 1, keyId => $e{id}, keyFromMe => $e{from_me} ? JSON::PP::true : JSON::PP::false,
        pushName => $e{name} // 'Test', messageType => $e{type}, content => $e{content},
        messageTimestamp => $e{at}, instanceId => 1, device => 'android',
        isGroup => $e{group} ? JSON::PP::true : JSON::PP::false,
        info => { type => 'notify' });
    $data{keyRemoteJid} = $e{jid} if defined $e{jid};
    $data{keyLid} = $e{lid} if defined $e{lid};
    return {
        event => 'messages.upsert',
        instance => { id => 1, name => $e{instance} // 'shop',
            connectionStatus => 'ONLINE', ownerJid => '33700000000@s.whatsapp.net' },
        data => \%data };
}

sub text_event {
    my (%e) = @_;
    return event(type => 'conversation', content => { text => delete $e{text} }, %e);
}

# --- small things ---

# Polls until the code returns something true; dies with what was waited for.
sub wait_until {
    my ($seconds, $what, $code) = @_;
    my $deadline = time + $seconds;
    while (1) {
        my $got = $code->();
        return $got if $got;
        die "waited $seconds s for $what\n" if time > $deadline;
        sleep 0.02;
    }
}

sub json_of { return $json->decode($_[0]) }

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or return;
    local $/;
    return scalar <$in> // '';
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "cannot write $file: $!\n";
    print $out $text or die "cannot write $file: $!\n";
    close $out or die "cannot write $file: $!\n";
}

sub read_env {
    my ($file) = @_;
    return map { /^([A-Z0-9_]+)=(.*)$/ ? ($1 => $2) : () }
        split /\n/, slurp($file) // '';
}

1;
