# The files of conf/nginx as an operator includes them: nginx -t takes them, also
# beside other things in the server block, and they have only the two prefixes
# that sellify-http.conf names.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $root   = abs_path(dirname(__FILE__) . '/..');
my $build  = $ENV{BUILD_DIR} || "$root/build";
my $module = $ENV{TEST_NGINX_LOAD_MODULES} // abs_path($build) . '/ngx_http_sellify_module.so';
my $nginx  = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
plan skip_all => "no $module" if $module ne '' && !-e $module;

my $dir = tempdir('sellify-snippets-XXXXXX', TMPDIR => 1, CLEANUP => 1);
mkdir "$dir/$_" for qw(conf logs temp);

for my $file (glob "$root/conf/nginx/*.conf") {
    my $text = do { open my $in, '<', $file or die $!; local $/; <$in> };
    my ($name) = $file =~ m{([^/]+)$};
    $text =~ s{/run/sellify}{$dir/run}g;
    $text =~ s{/etc/nginx/sellify}{$dir/conf}g;
    my $code = $text =~ s/^\s*#.*$//mgr;
    unlike $code, qr{\s/(?:etc|run|usr|var)/}, "$name: no other absolute path";
    open my $out, '>', "$dir/conf/$name" or die $!;
    print $out $text;
}

my $load = $module eq '' ? '' : "load_module $module;";
open my $conf, '>', "$dir/nginx.conf" or die $!;
print $conf <<"END";
$load
pid $dir/nginx.pid;
error_log $dir/logs/error.log;
events { }
http {
    access_log $dir/logs/access.log combined;
    client_body_temp_path $dir/temp/body;
    proxy_temp_path $dir/temp/proxy;
    fastcgi_temp_path $dir/temp/fastcgi;
    scgi_temp_path $dir/temp/scgi;
    uwsgi_temp_path $dir/temp/uwsgi;
    include $dir/conf/sellify-http.conf;
    server {
        listen 127.0.0.1:8080;
        access_log $dir/logs/sellify.log sellify;
        include $dir/conf/sellify-api.conf;
        sellify_cors_origin https://shop.example;
        location / { root $dir; }
        error_page 404 /missing.html;
    }
    server {
        listen 127.0.0.1:8081;
        include $dir/conf/sellify-api.conf;
    }
}
END
close $conf;

my $said = qx{"$nginx" -t -p "$dir" -c "$dir/nginx.conf" -e "$dir/logs/error.log" 2>&1};
is $?, 0, 'nginx -t takes them, twice' or diag $said;
unlike $said, qr/\[warn\]|\[error\]/, 'without a warning';
done_testing();
