/// Every command of the program, in the order in which the overview lists them.
///
/// A new command is one static value in its own file and one line here.
enum CommandTable {
  static let commands: [Command] = [
    .run,
    .submitJob,
    .listJobs,
    .showJob,
    .watchJob,
    .cancelJob,
    .fetchResult,
    .serve,
    .rotateSigner,
    .cosignBatch,
    .deploy,
    .node,
    .verifier,
    .nodeStatus,
    .drainNode,
    .quote,
    .split,
    .proveRecord,
    .verify,
    .newKey,
    .showKey,
    .signTicket,
    .balance,
    .fetchTicket,
    .deposit,
    .withdraw,
    .redeemTicket,
    .requestExit,
    .exitFrozen,
    .newAPIKey,
    .listAPIKeys,
    .revokeAPIKey,
    .seal,
    .open,
    .train,
    .evaluate,
    .generate,
    .tokenize,
    .trainTokenizer,
    .devices,
    .benchmark,
    .help,
    .completions,
    .version,
  ]

  /// The definitions alone.
  static var definitions: [CommandDefinition] { commands.map(\.definition) }
}
