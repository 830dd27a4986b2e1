import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import { RedisChannel } from "./redis-channel.ts";
import { type ChangeBus, LOCAL_BUS } from "./services/change-bus.ts";
import { DatabaseClock } from "./services/database-clock.ts";
import { ReplicaBus } from "./services/replica-bus.ts";
import { TableChannel } from "./services/table-channel.ts";
import type { Store } from "./storage/store.ts";

/** What a server shares with the others on its database. */
export interface Replica extends AsyncDisposable {
  /** The time that counts for all of them. */
  readonly clock: Clock;
  readonly bus: ChangeBus;
}

const DATABASE_ID = "database_id";

/**
 * Joins the servers on one database; one with an embedded database is alone.
 * @param busUrl of Redis, which carries changes faster than the database, or null
 * @throws AppError unavailable when the database is away; invalid for the URL
 */
export async function joinReplicas(
  store: Store,
  busUrl: string | null,
  parts: { readonly clock: Clock; readonly ids: Ids; readonly log: Logger },
): Promise<Replica> {
  const { clock: machine, ids, log } = parts;
  if (store.changes === null) {
    if (busUrl === null) return { clock: machine, bus: LOCAL_BUS, async [Symbol.asyncDispose]() {} };
    throw new AppError("invalid", "a bus joins servers on one MySQL or MariaDB; give --database too, or no --bus");
  }
  await using opened = new AsyncDisposableStack();
  const clock = opened.use(new DatabaseClock(store, machine, log));
  await clock.start();
  const redis = busUrl === null ? undefined : opened.use(await openRedis(store, busUrl, parts));
  const isRelaxed = () => redis?.isReady === true;
  const table = opened.use(new TableChannel({ table: store.changes, clock: machine, log, isRelaxed }));
  const bus = new ReplicaBus(ids.uuid(), redis === undefined ? [table] : [redis, table]);
  await table.start();
  const owned = opened.move();
  return { clock, bus, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Several installations may share one Redis: the topic names the database. */
async function openRedis(store: Store, url: string, { ids, clock, log }: Parameters<typeof joinReplicas>[2]) {
  const fresh = ids.uuid();
  const id = await store.write((tx) => tx.meta.putIfAbsent(DATABASE_ID, fresh));
  return await RedisChannel.open({ url, topic: `act-runner:${id}`, clock, log });
}
