// What only an owner of the contract may call.
extension EmethCore {
  /// Makes an account an owner.
  public static func addOwner(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.addOwner, [.address(account)])
  }

  /// Takes an account's ownership away.
  public static func removeOwner(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.removeOwner, [.address(account)])
  }

  /// Makes an account a verifier.
  public static func addVerifier(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.addVerifier, [.address(account)])
  }

  /// Takes an account's right to verify away.
  public static func removeVerifier(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.removeVerifier, [.address(account)])
  }

  /// Sets who gets the verifiers' fees.
  public static func setMasterVerifier(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.setMasterVerifier, [.address(account)])
  }

  /// Sets who signs the challenges of proofs of work.
  public static func setChallengeSigner(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.setChallengeSigner, [.address(account)])
  }

  /// Adds a program or changes it.
  public static func setProgram(_ program: Program) -> ContractCall<Bool> {
    .bool(
      Function.setProgram,
      [
        .number(program.programID), .string(program.name), .number(program.mode.rawValue),
        .number(program.minFuelPrice), .number(program.cooldownSeconds), .number(program.defaultFuelLimit),
        .number(program.defaultFuelPrice), .uint(program.minTarget),
      ])
  }

  /// Sets a number of the contract.
  public static func setParameter(_ parameter: Parameter, to value: UInt256) -> ContractCall<Bool> {
    .bool(Function.setParameter, [.bytes32(parameter.key), .uint(value)])
  }

  /// Sets what the hash of a proof of work must not exceed.
  public static func setMinTarget(_ program: ProgramID, to target: UInt256) -> ContractCall<Bool> {
    .bool(Function.setMinTarget, [.number(program), .uint(target)])
  }

  /// Sets the same as floor((2^256 − 1) / difficulty).
  public static func setMinTarget(
    _ program: ProgramID, byDifficulty difficulty: UInt256
  ) -> ContractCall<Bool> {
    .bool(Function.setMinTargetByDifficulty, [.number(program), .uint(difficulty)])
  }
}
