#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh SLUICE: a shop in a private MariaDB that keeps selling while `sluice` copies it into an SQLite file, is killed,
# resumes, and proves that the copy is equal. About a minute. Ends everything it started; build/demo keeps the copy.
set -euo pipefail

sluice=$(realpath "$1")
out=$(realpath -m "$(dirname "$0")/../build/demo")
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-demo-XXXXXX")
server='' load='' job=''

clean_up() {
  local pid
  for pid in $job $load $server; do kill -9 "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
shop() { mariadb --no-defaults --socket="$work/socket" -u root -N -B "$@"; }
copy() { sqlite3 -cmd '.timeout 5000' "$out/shop.db" "$@"; }
die() {
  echo "demo: $*" >&2
  exit 1
}

start_server() {
  local user=() deadline=$((SECONDS + 60))
  [[ $(id -u) != 0 ]] || user=(--user=root)
  mariadb-install-db --no-defaults "${user[@]}" --datadir="$work/data" --tmpdir="$work" --auth-root-authentication-method=normal \
    --skip-test-db >"$work/log" 2>&1 || die "mariadb-install-db failed: $(tail -n 5 "$work/log")"
  # Below the range of outgoing connections; the next one if somebody listens there.
  port=$((20000 + RANDOM % 12000))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  mariadbd --no-defaults "${user[@]}" --datadir="$work/data" --tmpdir="$work" --socket="$work/socket" --pid-file="$work/pid" \
    --bind-address=127.0.0.1 --port="$port" --server-id=1 --log-bin=binlog --binlog-format=ROW \
    --innodb-flush-log-at-trx-commit=2 >>"$work/log" 2>&1 </dev/null &
  server=$!
  until shop -e 'SELECT 1' >/dev/null 2>&1; do
    kill -0 $server 2>/dev/null || die "MariaDB did not start: $(tail -n 5 "$work/log")"
    ((SECONDS < deadline)) || die "MariaDB does not answer"
    sleep 0.1
  done
}

create_shop() {
  shop <<'SQL'
CREATE USER sluice@'%' IDENTIFIED BY 'demo';
GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT, BINLOG MONITOR ON *.* TO sluice@'%';
CREATE DATABASE shop;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120), joined DATE NOT NULL);
CREATE TABLE items (id INT PRIMARY KEY, title VARCHAR(80) NOT NULL, price DECIMAL(10,2) NOT NULL, stock INT NOT NULL);
CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer_id INT NOT NULL, status ENUM('new','paid','sent') NOT NULL,
                     total DECIMAL(12,2) NOT NULL, placed DATETIME(3) NOT NULL);
CREATE TABLE order_lines (order_id BIGINT, line INT, item_id INT NOT NULL, quantity INT NOT NULL, PRIMARY KEY (order_id, line));
INSERT INTO customers SELECT seq, CONCAT('Customer ', seq), IF(seq % 7, CONCAT('c', seq, '@example.com'), NULL),
                             '2020-01-01' + INTERVAL seq % 1500 DAY FROM seq_1_to_50000;
INSERT INTO items SELECT seq, CONCAT('Item ', seq), seq * 1.25, 1000000 FROM seq_1_to_1000;
INSERT INTO orders SELECT seq, 1 + seq % 50000, ELT(1 + seq % 3, 'new', 'paid', 'sent'), seq % 1000 + 0.99,
                          '2024-01-01' + INTERVAL seq SECOND FROM seq_1_to_300000;
INSERT INTO order_lines SELECT 1 + seq DIV 2, seq % 2, 1 + seq % 1000, 1 + seq % 5 FROM seq_1_to_500000;
DELIMITER //
CREATE PROCEDURE sell(seconds INT)
BEGIN
  DECLARE stop_at DATETIME DEFAULT SYSDATE() + INTERVAL seconds SECOND;
  DECLARE item, sold, old_order, dropped INT;
  WHILE SYSDATE() < stop_at DO
    SET item = 1 + FLOOR(RAND() * 1000), sold = 1 + FLOOR(RAND() * 3),
        old_order = 1 + FLOOR(RAND() * 300000), dropped = 1 + FLOOR(RAND() * 250000);
    START TRANSACTION;
    INSERT INTO orders (customer_id, status, total, placed) VALUES (1 + FLOOR(RAND() * 50000), 'new', sold * item * 1.25, SYSDATE(3));
    INSERT INTO order_lines VALUES (LAST_INSERT_ID(), 0, item, sold);
    UPDATE items SET stock = stock - sold WHERE id = item;
    COMMIT;
    UPDATE orders SET status = 'paid' WHERE id = old_order;
    IF RAND() < 0.02 THEN DELETE FROM order_lines WHERE order_id = dropped; END IF;
    DO SLEEP(0.001);
  END WHILE;
END //
SQL
}

write_job() {
  cat >"$out/shop.yaml" <<YAML
source:
  type: mysql
  hostname: 127.0.0.1
  port: $port
  username: sluice
  password: demo
  tables: shop.\.*

sink:
  type: sqlite
  path: $out/shop.db

pipeline:
  name: shop
  parallelism: 2
YAML
}

start_job() {
  "$sluice" run "$out/shop.yaml" --state "$out/state" &
  job=$!
}

show_counts() {
  printf '%-14s %10s %10s\n' table MariaDB SQLite
  local table
  for table in customers items orders order_lines; do
    printf '%-14s %10s %10s\n' $table "$(shop -e "SELECT COUNT(*) FROM shop.$table")" \
      "$(copy "SELECT COUNT(*) FROM $table" 2>/dev/null || echo -)"
  done
}

rm -rf "$out"
mkdir -p "$out"
step "a private MariaDB with a shop: 850,000 rows, and customers who keep buying"
start_server
create_shop
shop shop -e 'CALL sell(40)' &
load=$!

step "sluice run shop.yaml"
write_job
cat "$out/shop.yaml"
start_job
sleep 12
show_counts

step "kill -9, and again: it resumes where the copy itself says it is"
kill -9 $job
wait $job 2>/dev/null || true
start_job
sleep 10
show_counts

step "sluice verify shop.yaml, while the shop sells"
status=0
"$sluice" verify "$out/shop.yaml" --state "$out/state" || status=$?
# 2: some rows changed at every look, so it cannot tell yet. 1 would be a difference.
((status == 0 || status == 2)) || die "verify says no ($status)"

step "the shop closes; stop, then catch up to the last sale"
wait $load
load=''
kill -TERM $job
wait $job 2>/dev/null || true
job=''
"$sluice" run "$out/shop.yaml" --state "$out/state" --until-caught-up
"$sluice" verify "$out/shop.yaml" --state "$out/state" || die "verify says no ($?)"
show_counts
echo
echo "The copy is $out/shop.db; nothing is left running."
