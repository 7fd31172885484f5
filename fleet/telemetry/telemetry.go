// Package telemetry takes in what pumps report and keeps it: records, latest
// state, presence, refusals, and rollups for charts.
//
// # Invariants
//
//   - The cursor per pump and lane is the only deduplication. One transaction
//     locks it, accepts exactly what follows, writes, moves it and commits; only
//     then does the pump hear of it (dn/ack) and the connection get its PUBACK.
//     So nothing acknowledged is lost and nothing is stored twice, whoever dies
//     at whatever moment.
//   - Alarms have a lane, a batcher and a connection of their own. They never
//     wait behind telemetry, and an alarm is raised or cleared in the
//     transaction that moves the cursor past it.
//   - Bad input is refused, counted and visible, and never stops anybody's
//     stream, its own included. Refusing is as durable as accepting.
//   - A message of a session that has ended never makes its successor look
//     ended: presence is keyed by session, and the sweep in SQL is the authority.
//   - Doses and volumes are whole numbers throughout.
package telemetry
