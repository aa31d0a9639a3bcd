import EmethKit

/// What can go wrong with a chain: a node that is away, slow, limited or contradicts itself, a contract that refuses,
/// a transaction that can't be paid, a reorganisation that is too deep.
public enum ChainError: EmethError, Equatable {
  /// Text that is no URL of a node. It may hold a key, so it is not repeated.
  case badEndpoint
  /// A node that can't be reached, or whose answer did not come in time.
  case unreachable(endpoint: String, reason: String)
  /// A node that answers that it was asked too often, however long it is waited.
  case rateLimited(endpoint: String)
  /// A node that refuses a request, in its words.
  case refused(endpoint: String, method: String, number: Int, message: String)
  /// A node that does not have the state or the history that was asked for any more.
  case pruned(endpoint: String, method: String, message: String)
  /// An answer that has not the form it must have.
  case malformed(method: String, reason: String)
  /// An answer that contradicts what was asked or another answer.
  case contradiction(method: String, what: String, found: String, expected: String)
  /// A node of another chain.
  case wrongChain(found: UInt64, expected: UInt64)
  /// An address at which there is no contract.
  case noContract(address: Address, chainID: UInt64)
  /// A settlement that takes what another account signs.
  case otherSigner(settlement: Address, found: Address, expected: Address)
  /// A settlement that takes an account's signatures later than now, unix seconds.
  case signerNotStarted(settlement: Address, current: Address, account: Address, startsAt: UInt64)
  /// A Signer that is a contract for which an account's signature counts nothing.
  case signerSet(contract: Address, account: Address, reason: String)
  /// Nodes of which one takes what an account signs, and another one refuses it.
  case signerDisputed(account: Address, takenAt: String, refusedAt: String, reason: String)
  /// A batch that not enough members of the Signer's contract have signed yet.
  case signaturesMissing(contract: Address, epoch: UInt64, found: Int, needed: UInt64)
  /// A batch that a member of the Signer's contract does not sign.
  case batchRefused(epoch: UInt64, reason: String)
  /// The network's time and the chain's are far apart; below zero: the network's is behind.
  case clocksApart(secondsAhead: Int64)
  /// A settlement that the node alone names: whoever ties a network to it must know it.
  case unnamedSettlement(chainID: UInt64, settlement: Address)
  /// Epochs that were signed and that the database does not have; nil: how many is not known.
  case epochsLost(found: UInt64, signed: UInt64?, file: String)
  /// A settlement that is frozen: what L2 does counts no more.
  case frozen(settlement: Address)
  /// A contract that is another one than it should be.
  case wrongContract(address: Address, what: String, found: String, expected: String)
  /// What a contract returned or logged that can't be read.
  case contract(ContractError)
  /// A call that the contract refuses.
  case reverted(function: String, reason: RevertReason)
  /// A transaction that used up its gas.
  case outOfGas(function: String, transaction: Bytes32, limit: UInt64)
  /// An account that can't pay gas and value of a transaction, in wei.
  case insufficientFunds(account: Address, found: UInt256, needed: UInt256)
  /// An account that has fewer tokens than it would send.
  case insufficientTokens(account: Address, found: TokenAmount, needed: TokenAmount)
  /// A job whose result nobody could check, for so large a fee of its verifier.
  case noVerifier(fee: TokenAmount)
  /// A ticket that this chain's settlement does not redeem.
  case ticket(TicketError)
  /// Gas that is dearer than the sender would pay, in wei.
  case feeTooHigh(found: UInt256, allowed: UInt256)
  /// A nonce that another transaction of the account has used: this one can't come into the chain any more.
  case nonceTaken(account: Address, nonce: UInt64, transaction: Bytes32)
  /// A key under which another transaction was sent before.
  case keyInUse(key: String, transaction: Bytes32)
  /// A payment that an earlier command sent and that has arrived: whether it is wanted once more must be said.
  case sentBefore(function: String, transaction: Bytes32, block: UInt64)
  /// A transaction that was sent and did not come into the chain in time; it still may.
  case unconfirmed(transaction: Bytes32, seconds: Int)
  /// A chain that has changed further back than is remembered.
  case reorganisedTooDeep(from: UInt64, remembered: Int)
  /// A deposit that was credited and that the chain now tells otherwise, or no more.
  case creditUndone(number: UInt64, credited: String, found: String)
  /// A deposit that must be there, since a later one is.
  case missingDeposit(number: UInt64, next: UInt64)
  /// The file that remembers transactions or events can't be used.
  case store(NetworkError)
  /// The user or the system asked to stop.
  case interrupted

  /// The stable name of the error.
  public var code: String {
    switch self {
    case .badEndpoint: "chain.badEndpoint"
    case .unreachable: "chain.unreachable"
    case .rateLimited: "chain.rateLimited"
    case .refused: "chain.refused"
    case .pruned: "chain.pruned"
    case .malformed: "chain.malformed"
    case .contradiction: "chain.contradiction"
    case .wrongChain: "chain.wrongChain"
    case .noContract: "chain.noContract"
    case .otherSigner: "chain.otherSigner"
    case .signerNotStarted: "chain.signerNotStarted"
    case .signerSet: "chain.signerSet"
    case .signerDisputed: "chain.signerDisputed"
    case .signaturesMissing: "chain.signaturesMissing"
    case .batchRefused: "chain.batchRefused"
    case .clocksApart: "chain.clocksApart"
    case .unnamedSettlement: "chain.unnamedSettlement"
    case .epochsLost: "chain.epochsLost"
    case .frozen: "chain.frozen"
    case .wrongContract: "chain.wrongContract"
    case .contract(let error): error.code
    case .reverted: "chain.reverted"
    case .outOfGas: "chain.outOfGas"
    case .insufficientFunds: "chain.insufficientFunds"
    case .insufficientTokens: "chain.insufficientTokens"
    case .noVerifier: "chain.noVerifier"
    case .ticket(let error): error.code
    case .feeTooHigh: "chain.feeTooHigh"
    case .nonceTaken: "chain.nonceTaken"
    case .keyInUse: "chain.keyInUse"
    case .sentBefore: "chain.sentBefore"
    case .unconfirmed: "chain.unconfirmed"
    case .reorganisedTooDeep: "chain.reorganisedTooDeep"
    case .creditUndone: "chain.creditUndone"
    case .missingDeposit: "chain.missingDeposit"
    case .store(let error): error.code
    case .interrupted: "interrupted"
    }
  }

  /// One sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .badEndpoint:
      "the chain's node: allowed is http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without user and password"
    case .unreachable(let endpoint, let reason): "can't reach the chain's node \(endpoint): \(reason)"
    case .rateLimited(let endpoint): "the chain's node \(endpoint) says that it is asked too often"
    case .refused(let endpoint, let method, let number, let message):
      "the chain's node \(endpoint) refuses \(method): \(message) (\(number))"
    case .pruned(let endpoint, let method, let message):
      "the chain's node \(endpoint) has no old state for \(method): \(message)"
    case .malformed(let method, let reason): "answer to \(method): \(reason)"
    case .contradiction(let method, let what, let found, let expected):
      "answer to \(method) contradicts itself: \(what) is \(found), expected \(expected)"
    case .wrongChain(let found, let expected): "the node is of chain \(found), expected chain \(expected)"
    case .noContract(let address, let chainID): "no contract at \(address) on chain \(chainID)"
    case .otherSigner(let settlement, let found, let expected):
      "the settlement at \(settlement) takes what \(found) signs, and this network's Signer is \(expected)"
    case .signerNotStarted(let settlement, let current, let account, let startsAt):
      "the settlement at \(settlement) takes what \(account) signs from \(ChainAccount.date(startsAt)) on, and what \(current) "
        + "signs until then"
    case .signerSet(let contract, let account, let reason):
      "the settlement's Signer is \(contract), for which the signature of \(account) does not count: \(reason)"
    case .signerDisputed(let account, let takenAt, let refusedAt, let reason):
      "the settlement takes what \(account) signs, says \(takenAt); not so says \(refusedAt): \(reason)"
    case .signaturesMissing(let contract, let epoch, let found, let needed):
      "the batch of epoch \(epoch) has \(found) of the \(needed) signatures that the Signer \(contract) wants: it is not posted"
    case .batchRefused(let epoch, let reason): "the batch of epoch \(epoch) is not signed: \(reason)"
    case .clocksApart(let seconds):
      "the network's time is \(seconds.magnitude) s \(seconds < 0 ? "behind" : "ahead of") the chain's newest block"
    case .unnamedSettlement(let chainID, let settlement):
      "this network settles on no chain yet, and the node alone says that it would be chain \(chainID), settlement "
        + "\(settlement)"
    case .epochsLost(let found, let signed, _):
      "the network's database ends with epoch \(found), and "
        + (signed.map { "epoch \($0) was signed" }
          ?? "it was restored from a copy: later epochs may have been signed")
    case .frozen(let settlement): "the settlement at \(settlement) is frozen: it takes no more batches"
    case .wrongContract(let address, let what, let found, let expected):
      "the contract at \(address) is another one: \(what) is \(found), expected \(expected)"
    case .contract(let error): error.message
    case .reverted(let function, let reason): "\(function) \(reason)"
    case .outOfGas(let function, let transaction, let limit):
      "\(function) ran out of gas in transaction \(transaction): allowed were \(limit)"
    case .insufficientFunds(let account, let found, let needed):
      "account \(account) has \(found) wei for gas, needs \(needed)"
    case .insufficientTokens(let account, let found, let needed):
      "account \(account) has \(found), needs \(needed)"
    case .noVerifier(let fee):
      "nobody could check the job: no verifier is listed that has bonded ten times its fee of \(fee) and has a "
        + "commitment left"
    case .ticket(let error): error.message
    case .feeTooHigh(let found, let allowed):
      "gas costs \(found) wei each, allowed are \(allowed)"
    case .nonceTaken(let account, let nonce, let transaction):
      "transaction \(transaction) was displaced: account \(account) has used nonce \(nonce) for another one"
    case .keyInUse(let key, let transaction):
      "\(key) was sent before as another transaction, \(transaction)"
    case .sentBefore(let function, let transaction, let block):
      "the same \(function) was sent before, as transaction \(transaction), and has arrived in block \(block): "
        + "nothing is sent now"
    case .unconfirmed(let transaction, let seconds):
      "transaction \(transaction) is not confirmed after \(seconds) s"
    case .reorganisedTooDeep(let from, let remembered):
      "the chain has changed before block \(from), and only \(remembered) blocks are remembered"
    case .creditUndone(let number, let credited, let found):
      "deposit \(number) was credited as \(credited), and the chain now says \(found)"
    case .missingDeposit(let number, let next):
      "deposit \(number) is missing in the chain's logs, where deposit \(next) is"
    case .store(let error): error.message
    case .interrupted: "interrupted"
    }
  }

  /// What the user can do about it.
  public var hint: String? {
    switch self {
    case .unreachable, .rateLimited: "the same command can be repeated; nothing is sent twice"
    case .pruned: "name a node that keeps the whole history"
    case .contradiction, .missingDeposit: "name another node"
    case .wrongChain: "is this the right node, and the right --chain-id?"
    case .noContract, .wrongContract: "is this the right address, and the right chain?"
    case .otherSigner(_, let found, let expected):
      "if the key of \(found) is yours: emeth rotate-signer --data FOLDER --rpc URL --key-file FILE with that key; else let an "
        + "owner of EMETH Core call proposeSigner(\(expected)) of the settlement"
    case .signerNotStarted:
      "until then nobody would be paid by its tickets, and its batches not be posted: serve the network from then on"
    case .signerSet:
      "propose the network's own Signer, or a contract EmethSigners of which it is a member: proposeSigner of the settlement"
    case .signerDisputed:
      "one of the two lies, or lags for long: ask a third node (signer() of the settlement). Is it so, name the node that says it "
        + "alone: emeth rotate-signer --data FOLDER --rpc URL --key-file FILE; and give `emeth serve` another node in the other's place"
    case .signaturesMissing:
      "other members sign it: emeth cosign-batch --server URL --rpc URL --core ADDRESS --key-file FILE; when the newest "
        + "batch that is posted is 48 hours old anybody may freeze the network"
    case .clocksApart:
      "set this machine's clock, and look whether the chain has newer blocks: batches state the network's time, and when the newest "
        + "one is 48 hours old to the chain anybody may freeze the network. Put back, the network's time goes on from where it is"
    case .batchRefused: "ask its operator, and say it to the other members: nothing was sent"
    case .unnamedSettlement:
      "a node that lies could name any: look both up where EMETH Core's owners publish them, and give --chain-id and --settlement"
    case .epochsLost(_, _, let file):
      "an epoch that is signed twice costs the operator's bond: bring back the newer database, or, when nothing of the lost epochs "
        + "was handed out, delete \(file)"
    case .frozen: "everybody leaves with the balances of the last batch"
    case .reverted(_, .message(let word)): Self.hint(onRefusal: word)
    case .insufficientFunds: "send it the chain's own coin: tokens don't pay for gas"
    case .noVerifier:
      "it would end unpaid, without a result: give it less --fuel-limit or a lower --fuel-price, or wait for a verifier with a "
        + "larger bond (emeth verifier --layer 1 --bond AMOUNT)"
    case .feeTooHigh: "wait until gas is cheaper"
    case .nonceTaken: "is the key used elsewhere? look what that transaction did, then repeat"
    case .sentBefore: "it is done; with --again it is done once more"
    case .unconfirmed: "repeat the same command: it waits for the same transaction"
    case .creditUndone: "crediting stops here: compare the chain with the ledger before it goes on"
    case .reorganisedTooDeep: "is it the same chain? then all has to be read anew, with the credits kept"
    case .contract(let error): error.hint
    case .ticket(let error): error.hint
    case .store(let error): error.hint
    default: nil
    }
  }
}

extension ChainError {
  /// Any error of the layers below, as this layer reports it.
  init(_ error: any Error) {
    switch error {
    case let error as ChainError: self = error
    case let error as ContractError: self = .contract(error)
    case is CancellationError: self = .interrupted
    default:
      let error = NetworkError(error)
      self = error == .interrupted ? .interrupted : .store(error)
    }
  }

  /// Whether a node was reached, and said this itself.
  var isNodesWord: Bool {
    switch self {
    case .refused, .rateLimited, .pruned, .reverted: true
    default: false
    }
  }

  /// Whether an answer has not the form that it must have, as where a node knows nothing of a block.
  var isOfForm: Bool { if case .malformed = self { true } else { false } }

  /// What a node's words mean; nil for what no node said.
  var fault: RPCFault? {
    guard case .refused(_, _, let number, let message) = self else { return nil }
    return RPCFault(number: number, message: message)
  }
}

/// Runs `body` and reports whatever it throws as a ``ChainError``.
func asChainError<Result>(_ body: () throws -> Result) throws(ChainError) -> Result {
  do { return try body() } catch { throw ChainError(error) }
}
