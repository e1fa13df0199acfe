package Test::Nginx::Socket;

# A small runner for test files in the Test::Nginx format.  scripts/test puts
# it on the path only where the CPAN module of this name is missing: the same
# files run under both.  It knows the sections that our files use and refuses
# the others by name; per block it makes the same assertions as the CPAN module.
#
# Unlike the CPAN module it takes a free port and a folder of its own when
# TEST_NGINX_PORT and TEST_NGINX_SERVROOT are not set, so that files run side by
# side.

use strict;
use warnings;

use List::Util qw(min shuffle);
use Test::More ();
use Time::HiRes qw(sleep);

use Sellify::Runner::Client;
use Sellify::Runner::Server;
use Sellify::Runner::Spec;

our $ServerPort = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT}
    || Sellify::Runner::Server::free_port();
our $ServerPortForClient = $ENV{TEST_NGINX_CLIENT_PORT} || $ServerPort;
our ($RandPorts, %Set) = ({});

my $server = Sellify::Runner::Server->new(
    root   => $ENV{TEST_NGINX_SERVROOT},
    port   => $ServerPort,
    binary => $ENV{TEST_NGINX_BINARY} || 'nginx');
$ENV{TEST_NGINX_SERVER_ROOT} = $server->{root};

%Set = (
    repeat_each => 1, workers => 1, worker_connections => 64,
    log_level => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    master => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
    server_name => 'localhost', timeout => $ENV{TEST_NGINX_TIMEOUT} || 3,
    preamble => '', no_root_location => 0, shuffle => !$ENV{TEST_NGINX_NO_SHUFFLE},
    env => [], accumulate => $ENV{TEST_NGINX_CHECK_ACCUM_ERR_LOG} ? 1 : 0,
);
my ($blocks, $owner, $previous, @preprocessors, @test_cleanups, @cleanups,
    @body_checks);
$owner = $$;

my @more = qw(ok isnt like unlike is is_deeply cmp_ok skip todo_skip pass fail
    plan can_ok isa_ok diag note);
my @own = qw(run_tests blocks repeat_each no_shuffle no_long_string
    worker_connections workers master_on master_off master_process_enabled
    log_level no_root_location server_name server_root html_dir server_port
    server_port_for_client timeout config_preamble env_to_nginx
    check_accum_error_log add_block_preprocessor add_cleanup_handler
    add_test_cleanup_handler add_response_body_check bail_out is_str);

sub import {
    my ($class, @plan) = @_;
    my $caller = caller;
    no strict 'refs';
    *{"${caller}::$_"} = \&{"Test::More::$_"} for @more;
    *{"${caller}::$_"} = \&$_ for @own;
    *{"${caller}::ServerPort"} = \$ServerPort;
    *{"${caller}::ServerPortForClient"} = \$ServerPortForClient;
    strict->import;
    warnings->import;
    Test::More::plan(@plan) if @plan;
}

# --- what a test file calls ---

sub _set { my $name = shift; $Set{$name} = shift if @_; $Set{$name} }

sub repeat_each(@)        { _set('repeat_each', @_) }
sub workers(@)            { _set('workers', @_) }
sub worker_connections(@) { _set('worker_connections', @_) }
sub log_level(@)          { _set('log_level', @_) }
sub server_name(@)        { _set('server_name', @_) }
sub timeout(@)            { _set('timeout', @_) }
sub config_preamble($)    { _set('preamble', @_) }
sub no_root_location()    { $Set{no_root_location} = 1 }
sub no_shuffle()          { $Set{shuffle} = 0 }
sub no_long_string()      { }
sub check_accum_error_log() { $Set{accumulate} = 1 }
sub master_on()           { $Set{master} = 'on' }
sub master_off()          { $Set{master} = 'off' }
sub server_root()         { $server->{root} }
sub html_dir()            { $server->path('html') }
sub server_port(@)        { $server->{port} = $ServerPort = shift if @_; $ServerPort }
sub server_port_for_client(@) { $ServerPortForClient = shift if @_; $ServerPortForClient }
sub env_to_nginx(@)       { push @{ $Set{env} }, @_ }
sub add_block_preprocessor(&) { unshift @preprocessors, shift }
sub add_cleanup_handler($)    { push @cleanups, shift }
sub add_test_cleanup_handler($) { push @test_cleanups, shift }
sub add_response_body_check($)  { push @body_checks, shift }

sub master_process_enabled(@) {
    $Set{master} = shift() ? 'on' : 'off' if @_;
    return $Set{master};
}

# Ends this file, and not the whole run as BAIL_OUT of Test::More would.
sub bail_out(@) { die join('', @_) . "\n" }

sub is_str(@) {
    my ($got, $expected, $name) = @_;
    return ref $expected eq 'Regexp'
        ? Test::More::like($got, $expected, $name)
        : Test::More::is($got, $expected, $name);
}

sub blocks() {
    if (!$blocks) {
        no warnings 'once';
        my $text = do { local $/; <main::DATA> };
        $blocks = Sellify::Runner::Spec::parse($text // '');
    }
    return wantarray ? @$blocks : scalar @$blocks;
}

sub run_tests() {
    $ENV{TEST_NGINX_SERVER_PORT} //= $ServerPort;
    my @all = blocks();
    @all = shuffle @all if $Set{shuffle};
    Test::More::plan('no_plan') unless Test::More->builder->has_plan;
    for my $block (@all) {
        $_->($block) for @preprocessors;
        $block->set_value('name', "$0 " . $block->name);
        _run_block($block);
        $_->($block) for @test_cleanups;
        $previous = $block;
    }
    $_->() for @cleanups;
    _end_previous();
}

END {
    if (defined $owner && $$ == $owner) {
        local $?;
        $server->cleanup;
    }
}

# --- one block ---

sub _run_block {
    my ($block) = @_;
    my $name = $block->name;
    my ($skip, $reason) = _skip($block);
    if ($skip) {
        SKIP: { Test::More::skip("$name - $reason", $skip * $Set{repeat_each}) }
        return;
    }
    $RandPorts = {};
    bail_out("$name - a block needs a config section")
        unless defined $block->config;

    _end_previous();
    $server->prepare;
    _code($block, 'post_setup_server_root');
    _user_files($block);
    _configure($block);
    return _expect_death($block) if defined $block->must_die;
    _start($block);
    _code($block, 'init');
    $server->{error_position} = 0;
    for my $round (0 .. $Set{repeat_each} - 1) {
        _user_files($block) if $round;
        _round($block, $round);
    }
}

# Stops the server of the block before, and looks at what it logged on its way.
sub _end_previous {
    $server->stop;
    my $block = $previous // return;
    undef $previous;
    return unless defined $block->shutdown_error_log
        || defined $block->no_shutdown_error_log;
    my $lines = $server->error_lines;
    _patterns($block, 'shutdown_error_log', $lines, '');
    _no_patterns($block, 'no_shutdown_error_log', $lines, '');
}

sub _skip {
    my ($block) = @_;
    if (defined(my $spec = $block->skip_eval)) {
        $spec =~ /^\s*(\d+)\s*:\s*(.*)/s or bail_out("bad skip_eval: $spec");
        my ($count, $code) = ($1, $2);
        my $yes = eval $code;
        bail_out("skip_eval: $@") if $@;
        return ($count, 'skip_eval') if $yes;
    }
    if (defined(my $spec = $block->skip_nginx)) {
        $spec =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+)\.(\d+)\.(\d+)(?:\s*:\s*(.*?))?\s*$/
            or bail_out("bad skip_nginx: $spec");
        my ($count, $op, $limit, $why) = ($1, $2, $3 * 1e6 + $4 * 1e3 + $5, $6);
        my $have = _nginx_version();
        my $yes = $op eq '<' ? $have < $limit : $op eq '<=' ? $have <= $limit
            : $op eq '>' ? $have > $limit : $have >= $limit;
        return ($count, $why || "nginx version $spec") if $yes;
    }
    return;
}

sub _nginx_version {
    my $text = `$server->{binary} -v 2>&1`;
    $text =~ m{/(\d+)\.(\d+)\.(\d+)} or bail_out("cannot run $server->{binary}");
    return $1 * 1e6 + $2 * 1e3 + $3;
}

sub _code {
    my ($block, $section) = @_;
    defined(my $code = $block->$section) or return;
    eval { Sellify::Runner::Spec::Eval::run($code); 1 }
        or bail_out($block->name . " - $section failed: $@");
}

# $TEST_NGINX_NAME -> environment; TEST_NGINX_RAND_PORT_n is a port of its own.
sub _expand {
    my ($block, $text) = @_;
    return '' unless defined $text;
    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $name = $1;
        $name =~ /^TEST_NGINX_RAND_PORT_\d+$/
            ? ($RandPorts->{$name} //= Sellify::Runner::Server::free_port())
            : $ENV{$name} // bail_out($block->name . " - no environment $name");
    }eg;
    return $text;
}

sub _user_files {
    my ($block) = @_;
    my $files = $block->user_files // return;
    if (!ref $files) {
        my @list;
        for my $part (split /^(?=>>> )/m, $files) {
            $part =~ s/\A>>> (\S+)(?: +(.+))?\n?// or next;
            push @list, [$1, $part, $2];
        }
        $files = \@list;
    }
    for my $file (@$files) {
        my ($path, $text, $date) = @$file;
        $path = $server->path("html/$path") unless $path =~ m{^/};
        Sellify::Runner::Server::write_file($path, _expand($block, $text));
        system 'touch', '-t', $date, $path if $date;
    }
}

sub _configure {
    my ($block) = @_;
    my $load = join ' ', map { "load_module $_;" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    $server->write_config(
        %Set,
        connections => $Set{worker_connections},
        log_level   => $block->log_level || $Set{log_level},
        server_name => $block->server_name // $Set{server_name},
        error_log   => _expand($block, $block->error_log_file)
            || $server->error_log,
        main      => _expand($block, "$load " . ($block->main_config // '')),
        post_main => _expand($block, $block->post_main_config),
        http      => _expand($block, $block->http_config),
        server    => _expand($block, $block->config));
}

sub _start {
    my ($block) = @_;
    my ($status, $said) = $server->launch;
    if ($status != 0) {
        Test::More::diag($said);
        bail_out($block->name . " - cannot start nginx (status $status)");
    }
    print STDERR $said if length $said && !defined $block->suppress_stderr;
    $server->wait_ready
        or bail_out($block->name . " - nginx does not answer on $ServerPort");
}

sub _expect_death {
    my ($block) = @_;
    my ($name, $die) = ($block->name, $block->must_die);
    for my $round (0 .. $Set{repeat_each} - 1) {
        my ($status, $said) = $server->launch;
        if ($status >= 128) {
            Test::More::fail("$name - nginx ended by signal " . ($status - 128));
            Test::More::diag($said);
        } elsif ($die =~ /^\d+$/) {
            Test::More::is($status, $die, "$name - die with the expected exit code");
        } else {
            Test::More::isnt($status, 0, "$name - die as expected");
        }
        _check_error_log($block, $round);
        $server->wait_ready && $server->stop if $status == 0;
    }
}

# --- requests ---

# The requests of a block: a list of [packet, delay] lists, and how many answers
# the first of them has (pipelining).
sub _requests {
    my ($block) = @_;
    my $name = $block->name;
    if (defined(my $raw = $block->raw_request)) {
        my $delay = _seconds($block->raw_request_middle_delay) // 0;
        my @packets = map { [$_, 0] } ref $raw ? @$raw : ($raw);
        $_->[1] = $delay for @packets[1 .. $#packets];
        return ([\@packets], 0);
    }
    my $more = $block->more_headers // '';
    my $build = sub {
        my ($text, $i, $connection) = @_;
        my $headers = ref $more ? $more->[$i] : $more;
        bail_out("$name - more_headers lacks data for request $i")
            unless defined $headers;
        return Sellify::Runner::Client::build(text => $text, host => $Set{server_name},
            more_headers => $headers, connection => $connection);
    };
    if (my $list = $block->pipelined_requests) {
        bail_out("$name - pipelined_requests is no list") unless ref $list eq 'ARRAY';
        my $bytes = join '', map {
            $build->(_expand($block, $list->[$_]), $_,
                $_ == $#$list ? 'close' : 'keep-alive')
        } 0 .. $#$list;
        return ([[[$bytes, 0]]], scalar @$list);
    }
    my $request = $block->request;
    bail_out("$name - no request") unless defined $request;
    if (!ref $request) {
        1 while $request =~ s/\A(?:\s*#[^\n]+\s+|\s+)//;
        return ([[[$build->($request, 0, 'close'), 0]]], 0);
    }
    my $i = 0;
    return ([map { [[$build->(ref $_ ? join('', map { ref $_ ? $_->{value} : $_ } @$_) : $_, $i++, 'close'), 0]] } @$request], 0);
}

sub _seconds {
    my ($text) = @_;
    return unless defined $text;
    $text =~ /^\s*([\d.]+)\s*(ms|s)?\s*$/ or bail_out("bad time '$text'");
    return ($2 // 's') eq 'ms' ? $1 / 1000 : $1;
}

sub _round {
    my ($block, $round) = @_;
    my $name = $block->name;
    my ($requests, $pipelined) = _requests($block);
    my $many = $pipelined || @$requests > 1;
    my $timeout = _seconds($block->timeout) // $Set{timeout};
    my $shutdown = $block->shutdown;
    $shutdown = $shutdown eq '' ? 1 : $shutdown if defined $shutdown;
    my $index = 0;
    for my $packets (@$requests) {
        my ($raw, $error) = Sellify::Runner::Client::exchange(
            port => $ServerPortForClient, packets => $packets,
            timeout => $timeout, shutdown => $shutdown);
        Test::More::fail("ERROR: $error - $name")
            if defined $error && !defined $block->abort;
        my $is_head = $packets->[0][0] =~ /^\s*HEAD\s/;
        my $answers = $pipelined || 1;
        while ($answers--) {
            my $answer;
            if (!defined $block->ignore_response) {
                $answer = Sellify::Runner::Client::parse($raw, $is_head);
                Test::More::diag("$name - $answer->{error}") if $answer->{error};
                _check_answer($block, $answer, $index, $many);
                $raw = $answer->{left};
            }
            my $last = !$answers && $index + 1 >= ($pipelined || @$requests);
            if (!$last) {
                sleep _seconds($block->wait) if $block->wait;
                _check_error_log($block, $round);
            }
            $index++;
        }
    }
    sleep _seconds($block->wait) if $block->wait;
    _check_error_log($block, $round);
}

# --- checks ---

sub _at {
    my ($block, $value, $index, $many) = @_;
    return $value->[$index] if ref $value eq 'ARRAY';
    bail_out($block->name . ' - many requests need lists of expected values')
        if $many;
    return $value;
}

sub _ports {
    my ($text) = @_;
    return $text if !defined $text || ref $text;
    $text =~ s/\$ServerPortForClient\b/$ServerPortForClient/g;
    $text =~ s/\$ServerPort\b/$ServerPort/g;
    return $text;
}

sub _check_answer {
    my ($block, $answer, $index, $many) = @_;
    my $name = $block->name;
    my $want = sub { my $s = shift; _at($block, $block->$s, $index, $many) };

    if (defined $block->error_code_like) {
        my $like = $want->('error_code_like');
        Test::More::like($answer->{code}, qr/$like/sm, "$name - status code ok");
    } else {
        Test::More::is($answer->{code},
            defined $block->error_code ? $want->('error_code') : 200,
            "$name - status code ok")
            or Test::More::diag(substr "$answer->{raw_headers}$answer->{body}", 0, 600);
    }
    if (defined $block->raw_response_headers_like) {
        my $like = $want->('raw_response_headers_like');
        Test::More::like($answer->{raw_headers}, qr/$like/s,
            "$name - raw resp headers like");
    }
    if (defined $block->raw_response_headers_unlike) {
        my $unlike = $want->('raw_response_headers_unlike');
        Test::More::unlike($answer->{raw_headers}, qr/$unlike/s,
            "$name - raw resp headers unlike");
    }
    if (defined $block->response_headers) {
        _check_headers($block, $answer, $want->('response_headers'), 0);
    } elsif (defined $block->response_headers_like) {
        _check_headers($block, $answer, $want->('response_headers_like'), 1);
    }
    _check_body($block, $answer, $want, $index);
}

sub _check_headers {
    my ($block, $answer, $text, $like) = @_;
    my $name = $block->name;
    my %wanted;
    for my $line (split /\n/, $text) {
        $line =~ s/^\s+|\s+$//g;
        next if $line eq '';
        if ($line =~ s/^!\s*//) { $wanted{$line} = undef; next }
        my ($key, $value) = split /\s*:\s*/, $line, 2;
        $wanted{$key} = $value // '';
    }
    for my $key (sort keys %wanted) {
        my $value = _ports($wanted{$key});
        my $got = join ', ', @{ $answer->{headers}{ lc $key } || [] };
        if (!defined $value) {
            Test::More::unlike($answer->{raw_headers}, qr/^\s*\Q$key\E\s*:/msi,
                "$name - header $key not present in the raw headers");
        } elsif ($like) {
            Test::More::like($got, qr/^$value$/, "$name - header $key like ok");
        } else {
            Test::More::is($got, $value, "$name - header $key ok");
        }
    }
}

sub _check_body {
    my ($block, $answer, $want, $index) = @_;
    my ($name, $body) = ($block->name, $answer->{body});
    if (defined $block->response_body) {
        my $expected = _ports($want->('response_body'));
        $expected = _expand($block, $expected) if defined $expected && !ref $expected;
        is_str($body, $expected, "$name - response_body - response is expected");
    } elsif (defined $block->response_body_like) {
        my $like = _ports($want->('response_body_like'));
        Test::More::like($body, qr/$like/s,
            "$name - response_body_like - response is expected");
    } elsif (defined $block->response_body_unlike) {
        my $unlike = _ports($want->('response_body_unlike'));
        Test::More::unlike($body, qr/$unlike/s,
            "$name - response_body_unlike - response is expected");
    }
    $_->($block, $body, $index, 0, 0) for @body_checks;
}

# Lines of the log phase are written after the connection is closed.
sub _log_lines {
    sleep 0.045;
    $server->{error_position} = 0 if $Set{accumulate};
    return $server->error_lines;
}

sub _check_error_log {
    my ($block, $round) = @_;
    my $name = $block->name;
    my $lines;
    if (defined(my $grep = $block->grep_error_log)) {
        $lines = _log_lines();
        $grep = $grep->[$round] if ref $grep eq 'ARRAY';
        my $expected = $block->grep_error_log_out // '';
        $expected = $expected->[$round] if ref $expected eq 'ARRAY';
        $expected = _expand($block, $expected) unless ref $expected;
        my $pattern = ref $grep ? $grep : qr/\Q$grep\E/;
        my $got = join '', map { /$pattern/ && $& !~ /\n/ ? "$&\n" : () } @$lines;
        is_str($got, $expected, "$name - grep_error_log_out (req $round)");
    }
    if (defined $block->error_log || defined $block->no_error_log) {
        $lines ||= _log_lines();
        _patterns($block, 'error_log', $lines, " (req $round)");
        _no_patterns($block, 'no_error_log', $lines, " (req $round)");
    }
    for my $line (defined $block->must_die ? () : @{ $lines || [] }) {
        Test::More::diag("$name - $line")
            if $line =~ /\[(alert|crit|emerg)\]/
            && join("\n", map { ref $_ eq 'ARRAY' ? @$_ : $_ // '' }
                $block->error_log, $block->no_error_log) !~ /\[$1/;
    }
}

sub _pattern_list {
    my ($value) = @_;
    return () unless defined $value;
    return @$value if ref $value eq 'ARRAY';
    return ($value) if ref $value;
    return grep { length } split /\n+/, $value;
}

sub _patterns {
    my ($block, $section, $lines, $suffix) = @_;
    for my $pattern (_pattern_list($block->$section)) {
        my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;
        my $found = grep { /$re/ } @$lines;
        Test::More::ok($found, $block->name
            . " - pattern \"$pattern\" matches a line in error.log$suffix")
            or Test::More::diag(@$lines[-min(10, scalar @$lines) .. -1]);
    }
}

sub _no_patterns {
    my ($block, $section, $lines, $suffix) = @_;
    for my $pattern (_pattern_list($block->$section)) {
        my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;
        my @found = grep { /$re/ } @$lines;
        Test::More::ok(!@found, $block->name
            . " - pattern \"$pattern\" does not match a line in error.log$suffix")
            or Test::More::diag(@found[0 .. min(9, $#found)]);
    }
}

1;
