import type { Clock } from "../lib/clock.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
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

/** Joins the servers on one database; one with an embedded database is alone. @throws AppError unavailable */
export async function joinReplicas(
  store: Store,
  parts: { readonly clock: Clock; readonly ids: Ids; readonly log: Logger },
): Promise<Replica> {
  if (store.changes === null) return { clock: parts.clock, bus: LOCAL_BUS, async [Symbol.asyncDispose]() {} };
  await using opened = new AsyncDisposableStack();
  const clock = opened.use(new DatabaseClock(store, parts.clock, parts.log));
  await clock.start();
  const table = opened.use(new TableChannel({ table: store.changes, clock: parts.clock, log: parts.log }));
  const bus = new ReplicaBus(parts.ids.uuid(), [table]);
  await table.start();
  const owned = opened.move();
  return { clock, bus, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
