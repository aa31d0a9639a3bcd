/// The commands that carry jobs through a local network.
extension CommandDefinition {
  static let run = CommandDefinition(
    "run", section: .wholeNetwork,
    summary: "train on DATASET with a whole network on this machine",
    discussion: [
      "Splits the data set, trains its parts on several nodes, adds up their updates round by round, "
        + "checks every node's work by replaying a part of it, pays and penalises, and signs tickets for "
        + "what everybody earned. The model is left as a folder that `emeth generate` and Hugging Face tools "
        + "open.",
      "Parts are sealed to the nodes that take them; the Splitter, which divides the text, could read it. With "
        + "three parts on three nodes and more, updates are added masked, so that nobody in the middle reads "
        + "one; a node's own verifier sees the update that it checks, and sums are public.",
      "What a node is rejected for is left as a file in job/evidence: `emeth verify` judges it on any machine, "
        + "with nothing else. An acceptance in twenty is replayed by another verifier; one that lied loses its "
        + "bond.",
      "Everything random follows from --seed: two runs with the same flags differ only in speed. A run "
        + "that was interrupted goes on when the same command is given again.",
      "With --program the parts of DATASET are computed once each instead: 999 is the mean of numbers, one a "
        + "line, 84 a proof of work, and 10000 and up are modules, whose folders --module names and which run in a "
        + "sandbox. A drawn verifier computes every part again; --agree 3 asks for two of them. The result is "
        + "the folder's result.dat.",
      "Without DATASET, `emeth run --network FOLDER` works on the jobs that `emeth submit-job` has put "
        + "there.",
    ],
    arguments: [NetworkOptions.optionalDataset],
    flags: [NetworkOptions.nodes, NetworkOptions.parallel, NetworkOptions.rounds]
      + ModelOptions.flags(steps: ModelOptions.stepsPerRound)
      + [
        NetworkOptions.out, NetworkOptions.network, NetworkOptions.checkSegments, NetworkOptions.detect,
        NetworkOptions.fault, NetworkOptions.noEvidence, NetworkOptions.modelCache, RemoteJobOptions.program,
        DeviceOptions.device, ProgramOptions.engine,
      ] + ProgramOptions.flags + PrivacyOptions.flags + [CommonFlags.json],
    examples: [
      CommandExample("emeth run shakespeare.txt", "four nodes train a tiny model in a few minutes"),
      CommandExample(
        "emeth run shakespeare.txt --check-segments all --fault skip-steps@2",
        "node 2 skips work, is caught and penalised; the model is the same as without it"),
      CommandExample(
        "emeth run neko.txt --mask-vocabulary --privacy-noise 4 --privacy-clip 0.5 --parallel 16",
        "nodes see relabelled tokens, and noise bounds what the model tells of a part"),
      CommandExample(
        "emeth run numbers.txt --program 999 --parallel 8",
        "the mean of numbers, each part checked by another"),
      CommandExample(
        "emeth run neko.txt --init emeth-1f2e3d4c --rounds 2 --json", "fine-tune a model; one JSON object"),
    ],
    exitCodes: [.no: "the job did not end as VERIFIED"])

  static let submitJob = CommandDefinition(
    "submit-job", section: .requester,
    summary: "request a job on a server or a local network",
    discussion: [
      "With --server the data set is sent to the server, where the account of --key-file pays; without, it is stored in "
        + "the network's folder, whose own requester pays, and `emeth run --network FOLDER` works the queue. "
        + "Prints the job's id.",
      "\(ChainOptions.layers) There, with --server, DATASET is a file that is given to a server which watches the chain, and "
        + "that nodes of this program fetch there; without, it is a text by which other nodes find the data. --param gives what the program takes, --fuel-limit must be given, and the fee and the verifier's fee are paid out of "
        + "the wallet. With --parallel 2 or more, --divided-by names the account of the `emeth serve --layer 1` that "
        + "divides the job and may end it. A job whose registration arrived before its report was printed is reported, not registered again.",
    ],
    arguments: [NetworkOptions.dataset],
    flags: ServerOptions.signed + [
      NetworkOptions.network, RemoteJobOptions.program, NetworkOptions.parts, NetworkOptions.rounds,
    ]
      + ModelOptions.flags(steps: ModelOptions.stepsPerRound)
      + [
        NetworkOptions.checkSegments, NetworkOptions.detect, RemoteJobOptions.fuelLimit,
        NetworkOptions.fuelPrice, NetworkOptions.deadline, NetworkOptions.dryRun,
      ] + ProgramOptions.flags + PrivacyOptions.flags
      + ChainOptions.beside.filter { $0.definition.name != NetworkOptions.dryRun.definition.name }
      + [ChainOptions.divider, CommonFlags.json],
    examples: [
      CommandExample("emeth submit-job neko.txt --dry-run", "what it would cost"),
      CommandExample(
        "emeth submit-job https://data.example.org/numbers.txt --program 999 --fuel-limit 1000 --rpc http://127.0.0.1:8545 "
          + "--core 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key",
        "a job of EMETH Core on a chain"),
      CommandExample(
        "emeth submit-job numbers.txt --program 999 --fuel-limit 10 --server https://emeth.example.org --rpc env --core "
          + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key",
        "the same for nodes of `emeth node --layer 1`"),
      CommandExample(
        "emeth submit-job neko.txt --detect 10%@95%", "a tenth of the work skipped shall not pass unseen"),
      CommandExample(
        "emeth submit-job neko.txt --network net --parallel 8", "eight parts on the network in net"),
      CommandExample(
        "emeth submit-job neko.txt --server http://127.0.0.1:7443 --key-file key --parallel 4",
        "four parts on the nodes of a server"),
      CommandExample(
        "emeth submit-job numbers.txt --program 999 --server http://127.0.0.1:7443 --key-file key",
        "the mean of numbers, computed and checked by a server's nodes and verifiers"),
    ])

  static let listJobs = CommandDefinition(
    "list-jobs", section: .requester, summary: "list the jobs of a server or a local network",
    flags: [ServerOptions.server, NetworkOptions.network, CommonFlags.json],
    examples: [CommandExample("emeth list-jobs --json", "all jobs as JSON")])

  static let showJob = CommandDefinition(
    "show-job", section: .requester, summary: "show a job: state, SubJobs, money",
    arguments: [NetworkOptions.job], flags: [ServerOptions.server, NetworkOptions.network, CommonFlags.json],
    examples: [CommandExample("emeth show-job 1f2e3d4c", "the job whose id begins with 0x1f2e3d4c")])

  static let watchJob = CommandDefinition(
    "watch-job", section: .requester, summary: "follow a job until it ends",
    discussion: ["With --json every change is one JSON object on a line of its own."],
    arguments: [NetworkOptions.job], flags: [ServerOptions.server, NetworkOptions.network, CommonFlags.json],
    examples: [CommandExample("emeth watch-job 1f2e3d4c", "until it is VERIFIED or has failed")],
    exitCodes: [.no: "the job did not end as VERIFIED"])

  static let cancelJob = CommandDefinition(
    "cancel-job", section: .requester, summary: "take back a job that no node has taken",
    discussion: [
      "\(ChainOptions.layers) There JOB is all 32 digits of its id, and the escrow goes to the requester's ledger in EMETH "
        + "Core, from which `emeth withdraw --layer 1` takes it.",
      ChainOptions.discussion,
    ],
    arguments: [NetworkOptions.job],
    flags: ServerOptions.signed + [NetworkOptions.network] + ChainOptions.beside + [CommonFlags.json],
    examples: [
      CommandExample("emeth cancel-job 1f2e3d4c", "the escrow returns to the requester"),
      CommandExample(
        "emeth cancel-job 0x1f2e3d4c5b6a79881726354433221100 --rpc http://127.0.0.1:8545 --core "
          + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key", "a job on a chain"),
    ],
    exitCodes: [.no: "the job can't be canceled any more, or \(KeyOptions.wrongPassword)"])

  static let fetchResult = CommandDefinition(
    "fetch-result", section: .requester, summary: "write a finished job's model or result to a folder",
    discussion: [
      "With --layer 1, --rpc and --core the job is one of EMETH Core on a chain: its result comes from the server to which its "
        + "input was given, and is compared with what the chain calls VERIFIED: what a verifier has accepted, or what nobody has "
        + "looked at because two verifiers were silent."
    ],
    arguments: [NetworkOptions.job],
    flags: ServerOptions.signed + [NetworkOptions.network, NetworkOptions.out, LayerOne.layer]
      + ChainOptions.ofAgents + [CommonFlags.json],
    examples: [CommandExample("emeth fetch-result 1f2e3d4c --out model", "the model with the job's records")],
    exitCodes: [.no: "the job has no result"])
}
