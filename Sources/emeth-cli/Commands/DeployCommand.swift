import EmethKit
import EmethNetwork

extension Command {
  /// `emeth deploy`: puts EMETH's contracts on a chain.
  static let deploy = Command(
    CommandDefinition(
      "deploy", section: .operators, summary: "put EMETH's contracts on a chain",
      discussion: [
        "Creates the token (10,000 EMETH go to the key's account), EMETH Core, the settlement and the verifiers' contract, names "
          + "them to each other, sets the programs 999 and 9991 and what a verifier is paid at least, and names the Signer of "
          + "--signer. The account owns all of them. What an operator sets besides stands in Contracts/README.md: a bond, verifiers.",
        "Each of the transactions waits for --confirmations; the dry run says what all of them cost at most.",
        ChainOptions.discussion,
      ],
      flags: [
        DeployArguments.signer, DeployArguments.ticketCap, DeployArguments.leastVerifierFee,
        DeployArguments.unchecked,
      ]
        + ChainOptions.all.filter { $0.definition.name != ChainOptions.core.definition.name },
      examples: [
        CommandExample(
          "emeth deploy --rpc http://127.0.0.1:8545 --key-file key --dry-run", "what it would cost"),
        CommandExample(
          "emeth deploy --rpc http://127.0.0.1:8545 --key-file key --confirmations 1 --signer "
            + "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "on a chain of one's own"),
      ],
      exitCodes: [.no: "the account has no coin for gas, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let terms = ChainDeployment.Terms(
      ticketCap: parsed[DeployArguments.ticketCap], signer: parsed[DeployArguments.signer],
      leastVerifierFee: parsed[DeployArguments.leastVerifierFee],
      withUnchecked: parsed[DeployArguments.unchecked])
    return try await ChainOptions.deploy(parsed, context, terms)
  }

  private enum DeployArguments {
    static let signer = Flag(
      "signer", .address, absent: "nobody: no deposits to servers are taken",
      help: "whose signature counts on the servers of the chain")
    static let ticketCap = Flag(
      "ticket-cap", .tokenAmount, default: TokenAmount(holon: 100_000_000_000_000_000_000),
      defaultText: "100emeth",
      help: "the most that tickets pay by signature alone until a batch that covers them is a day old")
    static let unchecked = Flag(
      toggle: "unchecked-programs",
      help: "set 1 and 11, trainings, too, which no `emeth verifier` checks: for other verifiers")
    static let leastVerifierFee = Flag(
      "least-verifier-fee", .tokenAmount, default: TokenAmount(holon: 100_000_000_000_000),
      defaultText: "0.0001emeth",
      help: "what a job must pay its verifier at least: a job for nothing would use up a commitment")
  }
}
