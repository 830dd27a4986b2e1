import { expect, test } from "vitest";
import { parseDatabaseUrl } from "../../../../src/server/storage/database-url.ts";

test.each([
  [
    "mysql://app:p%25s%26s@db.example.org/ci",
    { host: "db.example.org", port: 3306, user: "app", password: "p%s&s", database: "ci", tls: "off" },
  ],
  [
    "mariadb://root@127.0.0.1:3307/a_b?tls=verify",
    { host: "127.0.0.1", port: 3307, user: "root", password: "", database: "a_b", tls: "verify" },
  ],
  [
    "mysql://a:b@[::1]:3306/ci?tls=insecure",
    { host: "::1", port: 3306, user: "a", password: "b", database: "ci", tls: "insecure" },
  ],
])("%s is read", (url, expected) => {
  expect(parseDatabaseUrl(url)).toEqual(expected);
});

test.each([
  "secret-password",
  "postgres://app:secret-password@db/ci",
  "mysql://app:secret-password@db",
  "mysql://app:secret-password@db/",
  "mysql://app:secret-password@db/a/b",
  "mysql://app:secret-password%@db/ci",
  "mysql://app:secret-password@db/ci?ssl=1",
  "mysql://app:secret-password@db/ci?tls=maybe",
])("%s is refused without showing the password", (url) => {
  expect(() => parseDatabaseUrl(url)).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(() => parseDatabaseUrl(url)).not.toThrow(/secret-password/);
});
