import EmethKit

/// What is known of a piece of work before it is taken.
struct Workload {
  /// The program of the SubJob, or of a job that is not divided.
  var program: ProgramID
  var fuel: Fuel
  /// By its hash, where the program is external.
  var module: Bytes32?
  /// Bytes that are fetched first.
  var fetchedBytes: UInt64 = 0
  /// Of a training.
  var training: TrainingTerms?
  /// How many hashes a proof of work takes; 0 where nothing is locked before it is found.
  var hashes = 0.0
}

extension Workload {
  /// A SubJob that is offered.
  init(_ offer: SubJobOffer) {
    program = offer.programId
    fuel = offer.fuel
    module = offer.terms?.module
    fetchedBytes = offer.dataBytes &+ offer.parameterBytes
    training = offer.training
    if program == .proofOfWork {
      hashes = ProofOfWork.hashes(zeroBits: offer.proofZeroBits ?? UInt32(ProofOfWork.mostZeroBits))
    }
  }
}

extension ProofOfWork {
  /// Zero bits at the target's top.
  var zeroBits: UInt32 {
    let zeroBytes = target.bytes.prefix { $0 == 0 }.count
    let first = target.bytes.dropFirst(zeroBytes).first
    return UInt32(zeroBytes * 8 + (first?.leadingZeroBitCount ?? 0))
  }

  /// So many times the hashes that it takes on average are counted: of a hundred and fifty searches one takes longer.
  private static let patience = 5.0

  /// Hashes that hardly any search takes more of, where a target has so many zero bits at its top: on average it takes 2 to
  /// that number and at most twice as many.
  static func hashes(zeroBits: UInt32) -> Double {
    (0..<min(256, zeroBits)).reduce(2 * patience) { hashes, _ in 2 * hashes }
  }
}
