package Sellify::Runner::Server;

# One nginx for one test block: a folder, a port, a configuration, a process.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);
use File::Spec ();
use File::Temp ();
use IO::Socket::INET ();
use POSIX qw(SIGKILL SIGQUIT SIGTERM WNOHANG);
use Time::HiRes qw(sleep time);

use constant START_DEADLINE => 10;
use constant STOP_DEADLINE  => 10;

# Below the kernel's ephemeral range, so that no outgoing connection of another
# test takes the port between two starts.
use constant PORT_FIRST => 20000;
use constant PORT_COUNT => 12000;

my @port_locks;

# A TCP port that nobody listens on and that no other test holds: its lock file
# stays locked until this process ends.
sub free_port {
    my $dir = File::Spec->tmpdir . "/sellify-ports-$>";
    mkdir $dir, 0700;
    my $start = ($$ * 7919) % PORT_COUNT;
    for my $i (0 .. PORT_COUNT - 1) {
        my $port = PORT_FIRST + ($start + $i) % PORT_COUNT;
        open my $lock, '>>', "$dir/$port" or die "cannot open $dir/$port: $!\n";
        next unless flock $lock, LOCK_EX | LOCK_NB;
        my $probe = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
            ReuseAddr => 1, Proto => 'tcp') or next;
        close $probe;
        push @port_locks, $lock;
        return $port;
    }
    die "no free port from " . PORT_FIRST . " on\n";
}

# root, port, binary; see Test::Nginx::Socket for where they come from.
sub new {
    my ($class, %self) = @_;
    my $self = bless {%self, error_position => 0}, $class;
    if (!defined $self->{root}) {
        $self->{root} = File::Temp::tempdir('sellify-t-XXXXXX', TMPDIR => 1);
        $self->{own_root} = 1;
    }
    return $self;
}

sub path      { "$_[0]{root}/$_[1]" }
sub error_log { $_[0]->path('logs/error.log') }

# An empty server root: only folders that are ours are removed.
sub prepare {
    my ($self) = @_;
    make_path($self->{root});
    remove_tree(map { $self->path($_) } qw(conf logs html cache));
    remove_tree(glob "$self->{root}/*_temp");
    make_path(map { $self->path($_) } qw(conf logs html));
    write_file($self->path('html/index.html'),
        '<html><head><title>It works!</title></head>'
            . '<body>It works!</body></html>');
    $self->{error_position} = 0;
}

sub write_file {
    my ($path, $text) = @_;
    make_path($1) if $path =~ m{(.*)/} && !-d $1;
    open my $out, '>:raw', $path or die "cannot write $path: $!\n";
    print $out $text or die "cannot write $path: $!\n";
    close $out or die "cannot write $path: $!\n";
}

# The pieces are hash members: main, http, server, post_main, env, workers,
# master, log_level, connections, server_name, no_root_location, error_log.
sub write_config {
    my ($self, %c) = @_;
    my $temp = join ' ', map {"${_}_temp_path $self->{root}/${_}_temp;"}
        grep { $c{http} !~ /\b${_}_temp_path\b/ }
        qw(client_body proxy fastcgi scgi uwsgi);
    my $env  = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" } @{ $c{env} };
    my $user = $> == 0 ? "user root;\n" : '';
    my $root = $c{no_root_location} ? ''
        : "        location / { root $self->{root}/html; index index.html; }\n";
    (my $name = $c{server_name}) =~ s/(['\\])/\\$1/g;
    write_file($self->path('conf/nginx.conf'), <<"END");
worker_processes $c{workers};
daemon on;
master_process $c{master};
error_log $c{error_log} $c{log_level};
pid $self->{root}/logs/nginx.pid;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env LSAN_OPTIONS;
$env$user
$c{main}
http {
    access_log $self->{root}/logs/access.log;
    $temp
    default_type text/plain;
    keepalive_timeout 68000ms;

$c{http}
    server {
        listen $self->{port};
        server_name '$name';
        client_max_body_size 30M;
$c{preamble}
$c{server}
$root    }
}
$c{post_main}
events {
    accept_mutex off;
    worker_connections $c{connections};
}
END
}

# Runs nginx until it has gone into the background. Returns (exit status, what
# it printed).
sub launch {
    my ($self) = @_;
    my $out = $self->path('logs/start.txt');
    my $pid = fork // die "cannot fork: $!\n";
    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', $out;
        exec $self->{binary}, '-e', $self->error_log, '-p', "$self->{root}/",
            '-c', $self->path('conf/nginx.conf')
            or POSIX::_exit(127);
    }
    my $deadline = time + START_DEADLINE;
    until (waitpid $pid, WNOHANG) {
        if (time > $deadline) {
            kill SIGKILL, $pid;
            waitpid $pid, 0;
            return (124, "nginx did not start in " . START_DEADLINE . " s\n");
        }
        sleep 0.005;
    }
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($status, _slurp($out));
}

# Waits until the port answers.
sub wait_ready {
    my ($self) = @_;
    my $deadline = time + START_DEADLINE;
    while (time < $deadline) {
        my $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $self->{port},
            Proto => 'tcp', Timeout => 1);
        return 1 if $socket && defined $self->pid;
        sleep 0.01;
    }
    return 0;
}

sub pid {
    my ($self) = @_;
    my $text = _slurp($self->path('logs/nginx.pid'));
    return $text =~ /\A(\d+)\n/ ? $1 : undef;
}

# Graceful at first, as the exit path is part of what is tested.
sub stop {
    my ($self) = @_;
    my $pid = $self->pid // return;
    my $begin = time;
    kill $ENV{TEST_NGINX_FAST_SHUTDOWN} ? SIGTERM : SIGQUIT, $pid;
    my $pressed = 0;
    while (_alive($pid)) {
        my $waited = time - $begin;
        if ($waited > STOP_DEADLINE) {
            warn "nginx $pid does not stop; killed\n";
            kill SIGKILL, $pid;
            last;
        }
        kill SIGTERM, $pid if $waited > 3 && !$pressed++;
        sleep 0.005;
    }
    unlink $self->path('logs/nginx.pid');
}

# A zombie has stopped: in a container nobody may ever collect it.
sub _alive {
    my ($pid) = @_;
    my ($state) = _slurp("/proc/$pid/stat") =~ /\A\d+ \(.*\) (\w)/s;
    return defined $state && $state !~ /[ZX]/;
}

# Lines written since the last call.
sub error_lines {
    my ($self) = @_;
    open my $in, '<:raw', $self->error_log or return [];
    seek $in, $self->{error_position}, 0;
    my @lines = <$in>;
    $self->{error_position} = tell $in;
    return \@lines;
}

sub cleanup {
    my ($self) = @_;
    return if $ENV{TEST_NGINX_NO_CLEAN};
    $self->stop;
    remove_tree($self->{root}) if $self->{own_root};
}

sub _slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    return <$in> // '';
}

1;
