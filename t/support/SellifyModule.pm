package SellifyModule;

# What the module's suites share, under our runner and under CPAN's
# Test::Nginx alike.  A block may leave out what most blocks have in common:
#
#   http_config   the keys of t/data/keys, and sellify_state when there is a
#                 "state" section; said or not, "more_http" is put behind it
#   config        the API in "location /", errors as problem documents
#   more_headers  a JSON body, and the key named by the section "key"
#                 (default "both"; "none" sends none)
#   no_error_log  [error]
#
# "state" is a description for build/state-writer: it is published before nginx
# starts, and kept fresh until the next block unless it has a line "age".

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my ($root, $dir, $keeper);

BEGIN {
    $root = abs_path(dirname(__FILE__) . '/../..');
    $dir  = tempdir('sellify-t-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    # nginx's processes may run as nobody.
    chmod 0755, $dir;
    $ENV{TEST_NGINX_SELLIFY_ROOT}  = $root;
    $ENV{TEST_NGINX_SELLIFY_STATE} = "$dir/state";
    $ENV{TEST_NGINX_SELLIFY_DIR}   = $dir;
}

our $Problem = <<'END';
    error_page 400 401 403 404 405 408 413 414 415 429 500 503 @sellify_problem;
    error_page 494 =400 @sellify_problem;
    error_page 502 504 =503 @sellify_problem;
    location @sellify_problem { sellify_problem on; }
END

sub import {
    my $caller = caller;
    no strict 'refs';
    *{"${caller}::dir"}     = sub { $dir };
    *{"${caller}::problem"} = sub { $Problem };
    $caller->can("no_root_location")->();
    $caller->can("add_block_preprocessor")->(\&complete);
}

sub complete {
    my ($block) = @_;
    my $state = $block->state;
    publish($state);
    unless (defined $block->http_config) {
        my $http = "sellify_keys $root/t/data/keys;\n";
        $http .= "sellify_state $dir/state;\n" if defined $state;
        $http .= $block->more_http if defined $block->more_http;
        $block->set_value(http_config => $http);
    }
    unless (defined $block->config) {
        $block->set_value(config => $Problem . <<'END');
    location / {
        sellify_auth api;
        sellify_api on;
    }
END
    }
    unless (defined $block->more_headers) {
        my $key = defined $block->key ? $block->key : 'both';
        chomp $key;
        my $headers = "Content-Type: application/json\n";
        $headers .= "X-API-Key: key-of-$key\n" if $key ne 'none';
        $block->set_value(more_headers => $headers);
    }
    unless (defined $block->no_error_log || defined $block->must_die) {
        $block->set_value(no_error_log => "[error]\n");
    }
}

# Publishes a description, or takes the file away when there is none.
sub publish {
    my ($state) = @_;
    quiet();
    unless (defined $state) {
        unlink "$dir/state";
        return;
    }
    $state =~ s/\$ROOT/$root/g;
    $state =~ s/key (\S+) = /key $1 @{[ hash("key-of-$1") ]} /g;
    $state .= "stay 600\n" unless $state =~ /^age /m;
    open my $out, '>', "$dir/description" or die $!;
    print $out $state;
    close $out;
    my $build  = $ENV{BUILD_DIR} || "$root/build";
    my $writer = $ENV{SELLIFY_STATE_WRITER} || "$build/state-writer";
    my $said   = qx{"$writer" "$dir/state" < "$dir/description"};
    die "state-writer refused the description\n" if $?;
    chomp $said;
    $keeper = $said if $said =~ /^\d+$/;
}

sub hash { require Digest::SHA; Digest::SHA::sha256_hex($_[0]) }

sub quiet {
    kill 'TERM', $keeper if $keeper;
    undef $keeper;
}

my $owner = $$;
END { quiet() if $$ == $owner }

1;
