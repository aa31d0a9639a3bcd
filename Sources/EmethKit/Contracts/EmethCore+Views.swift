extension EmethCore {
  /// A job; nil when there is none of that id.
  public static func job(_ jobID: JobID) -> ContractCall<Job?> {
    ContractCall(Function.jobs, [.bytes16(jobID)]) { fields throws(ContractError) in
      guard try fields.bool() else { return nil }
      return Job(
        jobID: try fields.jobID(), parentJob: try fields.jobIDUnlessZero(), owner: try fields.address(),
        deadline: try fields.count(), fuelLimit: try fields.fuel(), fuelPrice: try fields.fuelPrice(),
        status: try fields.status(), requestedAt: try fields.count())
    }
  }

  /// What a job computes; throws for a job that does not exist, whose program is 0.
  public static func jobDetail(_ jobID: JobID) -> ContractCall<JobDetail> {
    ContractCall(Function.jobDetails, [.bytes16(jobID)]) { fields throws(ContractError) in
      JobDetail(
        programID: try fields.program(), numParallel: try fields.count(), numEpoch: try fields.count(),
        parameters: try fields.text(), dataset: try fields.text(), result: try fields.text())
    }
  }

  /// Who computes a job; nil when nobody took it.
  public static func jobAssign(_ jobID: JobID) -> ContractCall<JobAssign?> {
    ContractCall(Function.jobAssigns, [.bytes16(jobID)]) { fields throws(ContractError) in
      guard let node = try fields.addressUnlessZero() else { return nil }
      return JobAssign(
        node: node, deposit: try fields.amount(), fuelUsed: try fields.fuel(), startedAt: try fields.count(),
        submittedAt: try fields.countUnlessZero(), verifiedAt: try fields.countUnlessZero(),
        slot: try fields.countUnlessZero())
    }
  }

  /// A part of a job, counted from 0 in the order of registration; the call reverts behind the last one.
  public static func jobChild(_ jobID: JobID, index: UInt64) -> ContractCall<JobID> {
    ContractCall(Function.jobChildren, [.bytes16(jobID), .number(index)]) { fields throws(ContractError) in
      try fields.jobID()
    }
  }

  /// A program; throws for one that the contract doesn't know, whose number is 0.
  public static func program(_ program: ProgramID) -> ContractCall<Program> {
    ContractCall(Function.programs, [.number(program)]) { fields throws(ContractError) in
      let programID = try fields.program()
      let name = try fields.text()
      let number = try fields.number()
      guard number <= 1, let mode = ProgramMode(rawValue: UInt64(truncatingIfNeeded: number.low)) else {
        throw fields.refused(found: "\(number)", allowed: "0 or 1")
      }
      return Program(
        programID: programID, name: name, mode: mode, minFuelPrice: try fields.fuelPrice(),
        cooldownSeconds: try fields.count(), defaultFuelLimit: try fields.fuel(),
        defaultFuelPrice: try fields.fuelPrice(), minTarget: try fields.number())
    }
  }

  /// A number of the contract.
  public static func parameter(_ parameter: Parameter) -> ContractCall<UInt256> {
    ContractCall(Function.getParameter, [.string(parameter.rawValue)]) { fields throws(ContractError) in
      try fields.number()
    }
  }

  /// The reward of the slot that is open.
  public static func currentSlotReward() -> ContractCall<TokenAmount> { .amount(Function.currentSlotReward) }

  /// The slot that is open: days since 1970.
  public static func currentSlot() -> ContractCall<UInt64> { .count(Function.currentSlot) }

  /// The first slot that has a reward.
  public static func startSlot() -> ContractCall<UInt64> { .count(Function.startSlot) }

  /// What all nodes did in a slot.
  public static func slot(_ slot: UInt64) -> ContractCall<Slot> {
    ContractCall(Function.slots, [.number(slot)]) { fields throws(ContractError) in
      Slot(totalFuel: try fields.fuel(), totalReward: try fields.amount())
    }
  }

  /// What a node did in a slot.
  public static func slotShare(of node: Address, slot: UInt64) -> ContractCall<SlotShare> {
    ContractCall(Function.slotRewards, [.number(slot), .address(node)]) { fields throws(ContractError) in
      SlotShare(fuel: try fields.fuel(), balance: try fields.fuel(), reward: try fields.amount())
    }
  }

  /// The fuel of a node that counts in a slot.
  public static func slotFuel(of node: Address, slot: UInt64) -> ContractCall<Fuel> {
    .fuel(Function.slotFuel, [.number(slot), .address(node)])
  }

  /// The part of it that is not paid yet.
  public static func slotBalance(of node: Address, slot: UInt64) -> ContractCall<Fuel> {
    .fuel(Function.slotBalances, [.number(slot), .address(node)])
  }

  /// Whether an account is an owner.
  public static func isOwner(_ account: Address) -> ContractCall<Bool> {
    .bool(Function.owners, [.address(account)])
  }

  /// Whether an account is a verifier.
  public static func isVerifier(_ account: Address) -> ContractCall<Bool> {
    .bool(Function.verifiers, [.address(account)])
  }

  /// Who gets the verifiers' fees.
  public static func masterVerifier() -> ContractCall<Address> { .address(Function.masterVerifier) }

  /// The token's contract.
  public static func token() -> ContractCall<Address> { .address(Function.emtToken) }

  /// When a node took a job last, unix seconds; nil when it never did.
  public static func lastJobAssigned(to node: Address) -> ContractCall<UInt64?> {
    ContractCall(Function.lastJobAssigned, [.address(node)]) { fields throws(ContractError) in
      try fields.countUnlessZero()
    }
  }

  /// What a node has deposited and not locked.
  public static func deposits(of node: Address) -> ContractCall<TokenAmount> {
    .amount(Function.deposits, [.address(node)])
  }
}
