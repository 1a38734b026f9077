//! Errors that the core's callers see.

/// An operation that failed. The cause of the last three is logged where it happened and goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No device has this token.
    #[error("no device has this token")]
    UnknownToken,
    /// No device has this id.
    #[error("no device has this id")]
    UnknownDevice,
    /// No device has this pairing code, or no longer.
    #[error("no device has this pairing code")]
    UnknownPairingCode,
    /// Rate limit of wrong pairing codes, over all clients and processes.
    #[error("too many pairing codes were wrong")]
    TooManyPairingFailures {
        /// Time until one may be tried again.
        retry_after: time::Duration,
    },
    /// The device is archived, and has no credentials.
    #[error("the device is archived")]
    ArchivedDevice,
    /// No channel has this id.
    #[error("no channel has this id")]
    UnknownChannel,
    /// The channel is the one that the configuration names, and is changed there.
    #[error("the channel belongs to the configuration")]
    ConfiguredChannel,
    /// The chat of the channel is not known yet.
    #[error("the chat of the channel is not known yet")]
    UnlinkedChannel,
    /// There are as many channels as there may be.
    #[error("there are too many channels")]
    TooManyChannels,
    /// No alert has this id.
    #[error("no alert has this id")]
    UnknownAlert,
    /// There are as many alerts as there may be.
    #[error("there are too many alerts")]
    TooManyAlerts,
    /// The database does not answer, or cannot do its work right now. Callers may retry.
    #[error("the database is not available")]
    Unavailable,
    /// The tables in the database are not those of this program.
    #[error(transparent)]
    Schema(#[from] SchemaProblem),
    /// The database refused a statement in a way that only a defect of ours explains.
    #[error("the database refused a statement")]
    Internal,
}

/// A database that this program cannot work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaProblem {
    /// It lacks migrations that programs still running on it could not live with.
    #[error(
        "the tables are older than this program: stop all servers, back up, run `heartbeat migrate`, start again"
    )]
    Older,
    /// It has no tables, where only existing data are of use.
    #[error("there are no tables of Heartbeat: check that database.dsn names the right database")]
    Missing,
    /// It has migrations that this program lacks and cannot live with.
    #[error("the tables were made by a newer Heartbeat: install that version or a later one")]
    Newer,
    /// Its encoding cannot hold the names of devices.
    #[error("the database cannot hold all characters: create one with ENCODING 'UTF8'")]
    Encoding,
    /// It has the legacy schema.
    #[error(
        "the tables are those of an earlier Heartbeat: stop it, back up, run `heartbeat migrate`, start this one"
    )]
    Legacy,
    /// Two devices of the legacy schema have the same token, which would no longer tell them apart.
    #[error("devices {one} and {other} have the same token: give one of them another, and migrate again")]
    SharedToken {
        /// Id of one device.
        one: i64,
        /// Id of another device.
        other: i64,
    },
    /// It holds tables that no version of Heartbeat made.
    #[error("schema heartbeat holds tables that no Heartbeat made: use another database")]
    Foreign,
}
