import EmethKit
import Foundation

/// What the HTTP handlers call: a network whose requesters, nodes and verifiers are elsewhere.
///
/// ``NetworkService`` is the one that counts; tests put one in its place that answers what they want to see told.
protocol ServedNetwork: Sendable {
  var folder: URL { get }
  var store: ContentStore { get }
  var database: NetworkDatabase { get }
  var splitterStore: ContentStore { get }
  /// The network as it sells text; nil where it sells none.
  var seller: NetworkService? { get }
  var chainStanding: ChainStanding? { get }
  var chainJobs: ChainJobs? { get }
  func run(onError: @escaping @Sendable (JobID?, NetworkError) -> Void) async throws(NetworkError)
  func changes() -> AsyncStream<UInt64>
  func listedJob(_ id: JobID) throws(NetworkError) -> CachedJob?
  /// A number that rises with every change that concerns a job; nil where others change jobs too.
  func changeMark(of job: JobID) -> UInt64?
  func facts() throws(NetworkError) -> NetworkFacts

  func submit(_ submission: JobSubmission, by requester: Address) throws(NetworkError) -> JobID
  func cancel(_ id: JobID, by requester: Address) throws(NetworkError)
  func job(_ id: JobID) throws(NetworkError) -> JobView
  /// Jobs as they are now, those of them that there are, or why one can't be read; 64 at most.
  func jobTexts(_ ids: Set<JobID>) throws(NetworkError) -> [JobID: Result<JobText, NetworkError>]
  func jobs(_ filter: JobFilter) throws(NetworkError) -> JobPage
  func subJobs(of id: JobID) throws(NetworkError) -> [SubJobState]
  func report(on id: JobID) throws(NetworkError) -> JobReport
  func records(of id: JobID) throws(NetworkError) -> PublicRecords
  func leaves(of id: JobID) throws(NetworkError) -> (url: URL, byteCount: UInt64)
  func result(of id: JobID, for requester: Address) throws(NetworkError) -> JobResult

  func balances(of account: Address) throws(NetworkError) -> Balances
  func withdraw(_ amount: TokenAmount, by account: Address) throws(NetworkError) -> Balances
  func ticket(of account: Address) throws(NetworkError) -> SignedTicket?
  func epoch(of batch: ProvenBatch) throws(NetworkError) -> UInt64?
  func provenTicket(of account: Address, epoch: UInt64) throws(NetworkError) -> ProvenTicket?
  func batch(epoch: UInt64) throws(NetworkError) -> SignedBatch?
  func latestBatch() throws(NetworkError) -> SignedBatch?
  func askedBatch() throws(NetworkError) -> SignedBatch?
  func cosign(epoch: UInt64, with added: [Cosignature]) async throws(NetworkError) -> [Address]

  func openSubJobs(_ filter: SubJobFilter, for node: Address) throws(NetworkError) -> [SubJobOffer]
  /// What is another one when other SubJobs wait for nodes.
  func offerMark() throws(NetworkError) -> String
  func process(
    _ subJob: JobID, by node: Address, binding: SignedKeyBinding
  ) throws(NetworkError) -> Assignment
  func renew(_ subJob: JobID, by node: Address) throws(NetworkError)
  func decline(_ subJob: JobID, by node: Address, reason: String) throws(NetworkError)
  func submit(_ result: NodeResult, by node: Address) throws(NetworkError)
  func state(of subJob: JobID) throws(NetworkError) -> SubJobState
  func work(
    of node: Address, newest limit: Int, before number: UInt32?
  ) throws(NetworkError) -> NodeAccount

  func errands(
    of account: Address, kinds: Set<Errand.Kind>, except known: Set<String>
  ) throws(NetworkError) -> [Errand]
  func answer(_ errand: String, by account: Address, _ body: Data) throws(NetworkError)

  func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32], by verifier: Address
  ) throws(NetworkError)
  /// Lets a verifier go; it gets its bond back when all that it was drawn for has ended.
  func leave(_ verifier: Address) throws(NetworkError)
  func postCommitments(
    _ commitments: [Bytes32], from first: UInt32, by verifier: Address
  ) throws(NetworkError)
  func verifier(_ account: Address) throws(NetworkError) -> VerifierAccount

  func overview() throws(NetworkError) -> NetworkOverview
  func jobRows(_ filter: JobFilter) throws(NetworkError) -> JobRowPage
  func jobDetail(_ id: JobID, round: UInt32?) throws(NetworkError) -> JobDetail
  func tickets(of account: Address, before epoch: UInt64?, limit: Int) throws(NetworkError) -> TicketPage
  func ticketDetail(of account: Address, epoch: UInt64) throws(NetworkError) -> TicketDetail?
  func batches(before epoch: UInt64?, limit: Int) throws(NetworkError) -> BatchPage
  func leaves(epoch: UInt64, after account: Address?, limit: Int) throws(NetworkError) -> TicketPage

  func mayUpload(_ account: Address) throws(NetworkError) -> Bool
  /// Refuses an object that is not for an account.
  func checkMayFetch(_ object: Bytes32, by account: Address) throws(NetworkError)
}

extension ServedNetwork {
  var seller: NetworkService? { nil }

  /// A node's receipts behind the first `count`, oldest first, at most ``TextLedger/receiptsAtOnce``: also those of a network
  /// that sells no text any more.
  func receipts(of node: Address, after count: UInt64) throws(NetworkError) -> [SignedReceipt] {
    try database.read { db in try TextLedger.receipts(of: node, after: count, in: db) }
  }

  func listedJob(_ id: JobID) throws(NetworkError) -> CachedJob? { try CachedJob.find(id, in: database) }
}

extension NetworkService: ServedNetwork {
  var seller: NetworkService? { gateway == nil ? nil : self }
}
