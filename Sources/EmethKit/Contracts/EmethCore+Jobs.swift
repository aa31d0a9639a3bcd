extension EmethCore {
  /// Registers a job and pays for it.
  ///
  /// - Parameters:
  ///   - parent: The job that it is a part of; nil: it stands for itself.
  ///   - parallel: Into how many parts it may be divided; 1: not at all.
  ///   - epochs: How many rounds it takes.
  ///   - dataset: Where the data is.
  ///   - parameters: What the program takes, most often JSON.
  ///   - deadline: Until when it must be done, unix seconds.
  public static func request(
    jobID: JobID, program: ProgramID, parent: JobID? = nil, parallel: UInt32 = 1, epochs: UInt32 = 1,
    dataset: String, parameters: String, fuelLimit: Fuel, fuelPrice: FuelPrice, deadline: UInt64
  ) -> ContractCall<Bool> {
    let parent = parent.map { ABIValue.bytes16($0) } ?? .fixedBytes([UInt8](repeating: 0, count: 16))
    return .bool(
      Function.request,
      [
        .bytes16(jobID), .number(program), parent, .number(UInt64(parallel)), .number(UInt64(epochs)),
        .string(dataset), .string(parameters), .number(fuelLimit), .number(fuelPrice), .number(deadline),
      ])
  }

  /// Takes a job back that nobody has taken; for its owner.
  public static func cancel(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(Function.cancel, [.bytes16(jobID)])
  }

  /// Takes a job, locking the deposit; for a node.
  public static func process(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(Function.process, [.bytes16(jobID)])
  }

  /// Gives a job up; for the node that took it.
  public static func decline(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(Function.decline, [.bytes16(jobID)])
  }

  /// Hands in a result; for the node that took the job.
  public static func submit(_ jobID: JobID, result: String, fuelUsed: Fuel) -> ContractCall<Bool> {
    .bool(Function.submit, [.bytes16(jobID), .string(result), .number(fuelUsed)])
  }

  /// Hands in a result for another node.
  public static func delegatedSubmit(
    _ jobID: JobID, node: Address, program: ProgramID, result: String, fuelUsed: Fuel
  ) -> ContractCall<Bool> {
    .bool(
      Function.deligatedSubmit,
      [.address(node), .bytes16(jobID), .number(program), .string(result), .number(fuelUsed)])
  }

  /// Hands in a result that proves itself, without taking the job first.
  public static func directSubmit(
    _ jobID: JobID, program: ProgramID, result: String, fuelUsed: Fuel
  ) -> ContractCall<Bool> {
    .bool(
      Function.directSubmit, [.bytes16(jobID), .string(result), .number(fuelUsed), .number(program)])
  }

  /// Accepts a result; for a verifier.
  public static func verify(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(Function.verify, [.bytes16(jobID)])
  }

  /// Ends a job whose deadline has passed.
  public static func timeout(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(Function.timeout, [.bytes16(jobID)])
  }

  /// Rejects a result; for a verifier.
  public static func rejectResult(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(Function.rejectResult, [.bytes16(jobID)])
  }

  /// Pays a node its reward of a closed slot.
  public static func withdrawSlotReward(node: Address, slot: UInt64) -> ContractCall<Bool> {
    .bool(Function.withdrawSlotReward, [.address(node), .number(slot)])
  }

  /// Pays a node its rewards of closed slots, the last one included.
  public static func withdrawSlotRewards(
    node: Address, slots: ClosedRange<UInt64>
  ) -> ContractCall<Bool> {
    .bool(
      Function.withdrawSlotRewardInRange,
      [.address(node), .number(slots.lowerBound), .number(slots.upperBound)])
  }
}
