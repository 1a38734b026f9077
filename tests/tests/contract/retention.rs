//! `retention`: rows of `beats` go, and what was made of them stays.

use heartbeat_core::{database::retention, retention::Retention};
use heartbeat_tests::{Database, ServerBuilder, eventually};
use reqwest::Method;
use time::Duration;

use super::roll_up::History;

/// Beats that are older than thirty days.
const OLD: &str = "SELECT count(*) FROM heartbeat.beats WHERE time_stamp < now() - interval '31 days'";

const ROLLED_UP: &str = "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until BETWEEN now() - interval '2 minutes' AND now()";

/// Presence as text, to be compared.
const PRESENCE: &str = "SELECT md5(string_agg(presence::text, ' ' ORDER BY device, day)) FROM heartbeat.presence WHERE day < CURRENT_DATE - 1";

/// Absences of more than an hour without those of a device, as its beats say.
const WITHOUT_DEVICE_2: &str = "
    CREATE TABLE public.expected AS
    SELECT started_at, ended_at FROM (
        SELECT lag(time_stamp) OVER (ORDER BY time_stamp) AS started_at, time_stamp AS ended_at
        FROM heartbeat.beats WHERE device <> 2 AND time_stamp <= now()
    ) AS gap WHERE ended_at - started_at > interval '1 hour'";

/// Absences that are kept and should not be, or the other way round.
const WRONG: &str = "
    WITH kept AS (SELECT started_at, ended_at FROM heartbeat.absences)
    SELECT (SELECT count(*) FROM (TABLE public.expected EXCEPT ALL TABLE kept) AS missing)
        + (SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE public.expected) AS invented)";

impl History {
    /// Beats of seventy days, some devices' more and others' fewer, all of them rolled up.
    async fn of_seventy_days() -> Self {
        let mut history = Self::begin().await;
        history.beat_at_random(70).await;
        history
            .database
            .execute(
                "DELETE FROM heartbeat.beats WHERE device = 3 AND time_stamp < now() - interval '20 days';
                 DELETE FROM heartbeat.beats WHERE device <> 2
                     AND time_stamp BETWEEN now() - interval '50 days' AND now() - interval '48 days';
                 UPDATE heartbeat.devices SET (num_beats, last_beat) =
                     (SELECT count(*), max(time_stamp) FROM heartbeat.beats WHERE device = id)",
            )
            .await;
        history.roll(Duration::DAY).await;
        history
    }

    /// Deletes what is older than thirty days.
    async fn retain(&mut self) {
        let retention = Retention::parse("30d").expect("a time").expect("not for ever");
        while retention::delete_day(&mut self.connection, retention).await.expect("deleted").is_some() {
            self.connection.commit().await.expect("committed");
        }
        self.connection.commit().await.expect("committed");
    }
}

#[tokio::test]
async fn servers_delete_what_is_old_and_rolled_up_and_nothing_else_changes() {
    let history = History::of_seventy_days().await;
    let presence = history.database.text(PRESENCE).await;
    let kept = "SELECT count(*) FROM heartbeat.beats WHERE time_stamp >= now() - interval '30 days'";
    let (recent, old) = (history.database.number(kept).await, history.database.number(OLD).await);
    assert!(recent > 0 && old > 0, "{recent} {old}");
    let absences = "SELECT count(*) FROM heartbeat.absences";
    let absences_before = history.database.number(absences).await;
    let server = ServerBuilder::on(&history.database).argument("--retention").argument("30d").start().await;
    let before = server.stranger().stats().await;
    eventually("old beats deleted", async || history.database.number(OLD).await == 0).await;
    assert_eq!(history.database.number(kept).await, recent);
    assert_eq!(history.database.text(PRESENCE).await, presence);
    assert_eq!(history.database.number(absences).await, absences_before);
    let after = server.stranger().stats().await;
    for figure in ["total_beats", "devices"] {
        assert_eq!(after[figure], before[figure], "{figure}");
    }
    // After the clock was set back, what is left is read again, and what is not stays.
    drop(server);
    history.database.execute("UPDATE heartbeat.roll_up SET rolled_until = now() + interval '1 day'").await;
    let _server = ServerBuilder::on(&history.database).start().await;
    eventually("rolled up again", async || history.database.number(ROLLED_UP).await == 1).await;
    assert_eq!(history.database.text(PRESENCE).await, presence);
    assert_eq!(history.database.number(absences).await, absences_before);
}

#[tokio::test]
async fn erasing_a_device_works_records_out_although_beats_are_gone() {
    let mut history = History::of_seventy_days().await;
    history.database.execute(WITHOUT_DEVICE_2).await;
    history.retain().await;
    assert_ne!(history.database.number(WRONG).await, 0);
    let server = ServerBuilder::on(&history.database).start().await;
    assert_eq!(server.owner().send(Method::DELETE, "/api/devices/2", Vec::new()).await.status, 204);
    let finished = "SELECT count(*) FROM heartbeat.erasures WHERE finished_at IS NOT NULL";
    eventually("the erasure is finished", async || history.database.number(finished).await == 1).await;
    assert_eq!(history.database.number(WRONG).await, 0);
    let longest = "SELECT extract(epoch FROM max(ended_at - started_at))::bigint FROM public.expected";
    let stored = "SELECT extract(epoch FROM longest_absence)::bigint FROM heartbeat.stats";
    assert_eq!(
        history.database.number(stored).await,
        history.database.number(longest).await,
        "device 2 alone had beats on two days"
    );
    let left = "SELECT count(*) FROM heartbeat.presence WHERE device = 2";
    eventually("its presence is gone", async || history.database.number(left).await == 0).await;
    let totals = "SELECT sum(num_beats)::bigint - (SELECT sum(beats) FROM (
                      SELECT unnest(beats) AS beats FROM heartbeat.presence WHERE device = -1
                  ) AS quarter) FROM heartbeat.devices";
    eventually("anybody's presence is that of the others", async || {
        history.database.number(totals).await == 0
    })
    .await;
}

#[tokio::test]
async fn exports_carry_what_is_left_of_old_beats() {
    let mut history = History::of_seventy_days().await;
    history.retain().await;
    let original = history.database;
    let export = async |database: &Database| {
        let output = ServerBuilder::on(database).argument("export").pipe("").await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = export(&original).await;
    let copy = Database::create().await;
    let output = ServerBuilder::on(&copy).argument("import").pipe(&text).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(export(&copy).await, text);
    let server = ServerBuilder::on(&copy).start().await;
    eventually("rolled up", async || copy.number(ROLLED_UP).await == 1).await;
    assert_eq!(copy.text(PRESENCE).await, original.text(PRESENCE).await);
    let (total, absences) = (
        "SELECT sum(num_beats)::bigint FROM heartbeat.devices",
        "SELECT md5(string_agg(absence::text, ' ' ORDER BY absence)) FROM
            (SELECT device, started_at, ended_at FROM heartbeat.device_absences) AS absence",
    );
    assert_eq!(copy.number(total).await, original.number(total).await);
    assert_eq!(copy.text(absences).await, original.text(absences).await);
    assert_eq!(server.stranger().stats().await["total_beats"], original.number(total).await);
    // What no export says is refused.
    for (from, to) in
        [("\"minutes\":[", "\"minutes\":[1,"), ("\"retained_from\":\"20", "\"retained_from\":\"30")]
    {
        let (empty, wrong) = (Database::create().await, text.replacen(from, to, 1));
        let output = ServerBuilder::on(&empty).argument("import").pipe(&wrong).await;
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("line "), "{output:?}");
    }
}
