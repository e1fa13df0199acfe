package Sellify::Runner::Spec;

# The data section of a .t file in the Test::Nginx format: blocks, sections and
# their filters.

use strict;
use warnings;

# Sections of the CPAN module that this runner does not have.  Naming one is an
# error here: a section that is silently skipped would be a test that lies.
my %UNSUPPORTED = map { $_ => 1 } qw(
    stap stap_out stap_out_like stap_out_unlike tcp_listen tcp_reply tcp_query
    udp_listen udp_reply udp_query http2 http3 curl request_eval
    response_body_eval response_body_filters reload_fails skip_slave
    skip_openssl todo todo_nginx todo_skip http09 access_log no_access_log
);

my %FILTER = (
    chomp  => sub { map { chomp; $_ } @_ },
    chop   => sub { map { chop; $_ } @_ },
    eval   => sub { Sellify::Runner::Spec::Eval::run($_[0]) },
    lines  => sub { map { my $t = $_; $t =~ /^.*\n?|.+/mg } @_ },
    array  => sub { [@_] },
    join   => sub { join '', @_ },
    escape => sub { my $t = shift; $t =~ s/(\\.)/"qq{$1}"/gee; $t },
    quote  => sub { map { quotemeta } @_ },
    norm   => sub {
        map { my $t = $_ // ''; $t =~ s/\015\012|\015/\n/g; $t } @_;
    },
    trim => sub {
        map { my $t = $_; $t =~ s/\A([ \t]*\n)+//; $t =~ s/(?<=\n)\s*\z//; $t } @_;
    },
    base64_encode => sub { require MIME::Base64; MIME::Base64::encode_base64($_[0]) },
    base64_decode => sub { require MIME::Base64; MIME::Base64::decode_base64($_[0]) },
);

# Text of a data section -> list of blocks.  ONLY, LAST and SKIP are honoured.
sub parse {
    my ($text) = @_;
    my @blocks;
    for my $hunk ($text =~ /^(===.*?(?=^===|\z))/msg) {
        my $block = _block($hunk);
        return [$block] if exists $block->{ONLY};
        push @blocks, $block unless exists $block->{SKIP};
        last if exists $block->{LAST};
    }
    return \@blocks;
}

sub _block {
    my ($hunk) = @_;
    $hunk =~ s/\A===[ \t]*(.*)\s+// or die "not a block: $hunk";
    my $block = bless { name => $1 }, 'Sellify::Runner::Spec::Block';
    my @parts = split /^---[ ]+\(?(\w+)\)?[ ]*(.*)?\n/m, $hunk;
    shift @parts;    # free text under the title
    while (@parts) {
        my ($section, $filters, $value) = splice @parts, 0, 3;
        ($filters, $value) = (($filters // ''), ($value // ''));
        if ($filters =~ /:(\s|\z)/) {
            die "$block->{name}: extra lines in section '$section'\n"
                if $value =~ /\S/;
            ($filters, $value) = split /\s*:(?:\s+|\z)/, $filters, 2;
            $value = '' unless defined $value;
            $value =~ s/^\s*(.*?)\s*$/$1/;
        }
        die "$block->{name}: section '$section' is not known to this runner;"
            . " install Test::Nginx from CPAN for it\n"
            if $UNSUPPORTED{$section};
        $block->{$section} = _filter($block->{name}, $section, $filters, $value);
    }
    return $block;
}

sub _filter {
    my ($name, $section, $filters, @value) = @_;
    my @run = ('norm', 'trim');
    for my $filter (split ' ', $filters) {
        if ($filter =~ s/^-//) { @run = grep { $_ ne $filter } @run }
        else                   { push @run, $filter =~ s/^\+//r }
    }
    for my $filter (@run) {
        my $code = $FILTER{$filter} || main->can($filter)
            or die "$name: no filter '$filter' (section '$section')\n";
        @value = eval { $code->(@value) };
        die "$name: section '$section': $@" if $@;
    }
    return $value[0];
}

package Sellify::Runner::Spec::Block;

our $AUTOLOAD;

sub set_value { $_[0]{ $_[1] } = $_[2] }

# Any section is a method; undef when the block does not have it.
sub AUTOLOAD {
    my ($self) = @_;
    my $section = $AUTOLOAD =~ s/.*:://r;
    return if $section eq 'DESTROY';
    return $self->{$section};
}

package Sellify::Runner::Spec::Eval;

# A package of its own, with nothing in it: under the CPAN module code in a
# block does not see the file's variables as plain names either ($::name does).
sub run {
    no strict;
    no warnings;
    my @result = CORE::eval($_[0]);
    die $@ if $@;
    return @result;
}

1;
