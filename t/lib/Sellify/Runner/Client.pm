package Sellify::Runner::Client;

# Requests as the sections of a block describe them, over a plain socket, and
# answers taken apart.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

# A request text ("POST /path\nbody", version optional) -> bytes.
sub build {
    my (%r) = @_;    # text, more_headers, connection, host
    $r{text} =~ /\A\s*(\S+)(?:[ ]+(\S+))?(?:[ ]+(\S+))?[ ]*(?:\r?\n|\z)/
        or die "bad request line in: $r{text}\n";
    my ($method, $url, $version) = ($1, $2 // '/', $3 // 'HTTP/1.1');
    my $body = substr $r{text}, $+[0];
    my ($headers, $chunked) = headers($r{more_headers} // '');
    if (!$chunked && $body ne '' && $headers !~ /^Content-Length:/mi) {
        $body =~ s/^\s+|\s+$//g;
        $headers .= 'Content-Length: ' . length($body) . "\r\n";
    }
    my $head = "$method $url $version\r\n";
    $head .= "Host: $r{host}\r\n" unless $headers =~ /^Host:/mi;
    $head .= "Connection: $r{connection}\r\n"
        unless $headers =~ /^Connection/mi;
    return "$head$headers\r\n$body";
}

# The text of a more_headers section -> (header lines, is it chunked).
sub headers {
    my ($text) = @_;
    my ($out, $chunked) = ('', 0);
    for my $line (split /[\r\n]+/, $text) {
        next if $line =~ /^\s*(#|$)/;
        my ($key, $value) = split /:\s*/, $line, 2;
        $value //= '';
        $chunked = 1
            if lc $key eq 'transfer-encoding' && lc $value eq 'chunked';
        $out .= "$key: $value\r\n";
    }
    return ($out, $chunked);
}

# Sends the packets ([value, delay before it], ...) and reads to the end of the
# connection. Returns (bytes, what went wrong or undef).
sub exchange {
    my (%e) = @_;    # port, packets, timeout, shutdown
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e{port}, Proto => 'tcp',
        Timeout => $e{timeout}) or return ('', "cannot connect: $@");
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    $socket->blocking(0);
    local $SIG{PIPE} = 'IGNORE';

    my @packets = @{ $e{packets} };
    my ($in, $out, $from) = ('', undef, 0);
    my $all = IO::Select->new($socket);
    my $writing = IO::Select->new($socket);
    while (1) {
        if (!defined $out || $from == length $out) {
            my $next = shift @packets;
            if ($next) {
                sleep $next->[1] if $next->[1];
                ($out, $from) = ($next->[0], 0);
            } elsif ($writing->count) {
                $writing->remove($socket);
                shutdown $socket, $e{shutdown} if defined $e{shutdown};
            }
        }
        my ($can_read, $can_write) =
            IO::Select::select($all, $writing, undef, $e{timeout});
        return ($in, 'client socket timed out')
            unless @{ $can_read || [] } || @{ $can_write || [] };
        if (@{ $can_read || [] }) {
            my $got = sysread $socket, $in, 65536, length $in;
            if (defined $got) { return ($in, undef) if $got == 0 }
            elsif (!$!{EAGAIN} && !$!{EINTR}) { return ($in, undef) }
        }
        if (@{ $can_write || [] } && defined $out) {
            my $sent = syswrite $socket, $out, length($out) - $from, $from;
            if (defined $sent) { $from += $sent }
            elsif (!$!{EAGAIN} && !$!{EINTR}) {
                # The server closed early: what it answered is still to be read.
                $writing->remove($socket);
                @packets = ();
                ($out, $from) = ('', 0);
            }
        }
    }
}

# Bytes -> { code, raw_headers, headers => {lower name => [values]}, body,
# left (bytes after this answer), error }.
sub parse {
    my ($raw, $is_head) = @_;
    my %r = (code => '', raw_headers => '', headers => {}, body => '', left => '');
    if ($raw !~ /\A(.*?\r\n)\r\n/s) {
        $r{error} = 'no whole header in the answer' if length $raw;
        return \%r;
    }
    $r{raw_headers} = $1;
    my $rest = substr $raw, $+[0];
    $r{code} = $1 if $raw =~ m{\AHTTP/\d\.\d (\d+)};
    # One space after the colon; more belong to the value, as for the CPAN module.
    while ($r{raw_headers} =~ /^([^\s:]+)[ \t]*: ?([^\r\n]*)\r$/mg) {
        push @{ $r{headers}{ lc $1 } }, $2;
    }
    if ($is_head || $r{code} =~ /\A(?:1\d\d|204|304)\z/) {
        $r{left} = $rest;
        return \%r;
    }
    my $length = $r{headers}{'content-length'};
    if (lc(($r{headers}{'transfer-encoding'} || [''])->[0]) eq 'chunked') {
        _dechunk(\%r, $rest);
    } elsif ($length) {
        $r{body} = substr $rest, 0, $length->[0];
        $r{left} = length $rest > $length->[0] ? substr $rest, $length->[0] : '';
        $r{error} = "body cut: $length->[0] bytes announced, "
            . length($rest) . ' came' if length $rest < $length->[0];
    } else {
        $r{body} = $rest;
    }
    return \%r;
}

sub _dechunk {
    my ($r, $raw) = @_;
    my $at = 0;
    while (substr($raw, $at) =~ /\A[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n/) {
        my $size = hex $1;
        $at += $+[0];
        if ($size == 0) {
            my $tail = substr $raw, $at;
            if ($tail =~ /\A(?:[^\r\n]+\r\n)*\r\n/) {
                $r->{left} = substr $tail, $+[0];
                return;
            }
            last;
        }
        last if length($raw) < $at + $size + 2;
        last if substr($raw, $at + $size, 2) ne "\r\n";
        $r->{body} .= substr $raw, $at, $size;
        $at += $size + 2;
    }
    $r->{error} = 'chunked body is not whole';
}

1;
