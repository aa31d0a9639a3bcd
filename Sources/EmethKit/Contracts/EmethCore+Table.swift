extension EmethCore {
  /// Every function of Core and of its settlement.
  public static let functions: [ABIFunction] =
    Function.all + SettlementFunction.all + ExtensionFunction.all

  /// The functions of the contract of 2023 (reference: EmethCore for solidity 0.8.19).
  ///
  /// Views of structs return the members one by one, as the getters of that contract do.
  enum Function {
    static let addOwner: ABIFunction = "addOwner(address owner)"
    static let removeOwner: ABIFunction = "removeOwner(address owner)"
    static let addVerifier: ABIFunction = "addVerifier(address verifier)"
    static let removeVerifier: ABIFunction = "removeVerifier(address verifier)"
    static let setMasterVerifier: ABIFunction = "setMasterVerifier(address verifier)"
    static let setChallengeSigner: ABIFunction = "setChallengeSigner(address signer)"
    static let setProgram: ABIFunction =
      """
      setProgram(uint256 programId,string programName,uint256 mode,uint256 minFuelPrice,\
      uint256 cooldownPeriod,uint256 defaultFuelLimit,uint256 defaultFuelPrice,uint256 minTarget) \
      returns (bool)
      """
    static let setParameter: ABIFunction = "setParameter(bytes32 parameter,uint256 value) returns (bool)"
    static let setMinTarget: ABIFunction = "setMinTarget(uint256 programId,uint256 target) returns (bool)"
    static let setMinTargetByDifficulty: ABIFunction =
      "setMinTargetByDifficulty(uint256 programId,uint256 difficulty) returns (bool)"

    static let request: ABIFunction =
      """
      request(bytes16 jobId,uint256 programId,bytes16 parentJob,uint256 numParallel,uint256 numEpoch,\
      string dataset,string param,uint256 fuelLimit,uint256 fuelPrice,uint256 deadline) returns (bool)
      """
    static let cancel: ABIFunction = "cancel(bytes16 jobId) returns (bool)"
    static let process: ABIFunction = "process(bytes16 jobId) returns (bool)"
    static let decline: ABIFunction = "decline(bytes16 jobId) returns (bool)"
    static let submit: ABIFunction = "submit(bytes16 jobId,string result,uint256 fuelUsed) returns (bool)"
    // The contract spells it so.
    static let deligatedSubmit: ABIFunction =
      """
      deligatedSubmit(address node,bytes16 jobId,uint256 programId,string result,uint256 fuelUsed) \
      returns (bool)
      """
    static let directSubmit: ABIFunction =
      "directSubmit(bytes16 jobId,string result,uint256 fuelUsed,uint256 programId) returns (bool)"
    static let withdrawSlotReward: ABIFunction =
      "withdrawSlotReward(address node,uint256 slot) returns (bool)"
    static let withdrawSlotRewardInRange: ABIFunction =
      "withdrawSlotRewardInRange(address node,uint256 startSlot,uint256 endSlot) returns (bool)"
    static let verify: ABIFunction = "verify(bytes16 jobId) returns (bool)"
    static let timeout: ABIFunction = "timeout(bytes16 jobId) returns (bool)"
    static let rejectResult: ABIFunction = "rejectResult(bytes16 jobId) returns (bool)"

    static let getParameter: ABIFunction = "getParameter(string name) returns (uint256)"
    static let currentSlotReward: ABIFunction = "currentSlotReward() returns (uint256)"
    static let currentSlot: ABIFunction = "currentSlot() returns (uint256)"
    static let slots: ABIFunction = "slots(uint256 slot) returns (uint256 totalFuel,uint256 totalReward)"
    static let slotRewards: ABIFunction =
      "slotRewards(uint256 slot,address node) returns (uint256 fuel,uint256 balance,uint256 reward)"
    static let owners: ABIFunction = "owners(address account) returns (bool)"
    static let verifiers: ABIFunction = "verifiers(address account) returns (bool)"
    static let masterVerifier: ABIFunction = "masterVerifier() returns (address)"
    static let emtToken: ABIFunction = "emtToken() returns (address)"
    static let startSlot: ABIFunction = "startSlot() returns (uint256)"
    static let slotFuel: ABIFunction = "slotFuel(uint256 slot,address node) returns (uint256)"
    static let slotBalances: ABIFunction = "slotBalances(uint256 slot,address node) returns (uint256)"
    static let lastJobAssigned: ABIFunction = "lastJobAssigned(address node) returns (uint256)"
    static let deposits: ABIFunction = "deposits(address node) returns (uint256)"
    static let jobs: ABIFunction =
      """
      jobs(bytes16 jobId) returns (bool exist,bytes16 jobId,bytes16 parentJob,address owner,uint256 deadline,\
      uint256 fuelLimit,uint256 fuelPrice,uint256 status,uint256 requestedAt)
      """
    static let jobDetails: ABIFunction =
      """
      jobDetails(bytes16 jobId) returns (uint256 programId,uint256 numParallel,uint256 numEpoch,string param,\
      string dataset,string result)
      """
    static let jobAssigns: ABIFunction =
      """
      jobAssigns(bytes16 jobId) returns (address node,uint256 deposit,uint256 fuelUsed,uint256 startedAt,\
      uint256 submittedAt,uint256 verifiedAt,uint256 slot)
      """
    static let jobChildren: ABIFunction = "jobChildren(bytes16 jobId,uint256 index) returns (bytes16)"
    static let programs: ABIFunction =
      """
      programs(uint256 programId) returns (uint256 programId,string programName,uint256 mode,\
      uint256 minFuelPrice,uint256 cooldownPeriod,uint256 defaultFuelLimit,uint256 defaultFuelPrice,\
      uint256 minTarget)
      """

    static let all = [
      addOwner, removeOwner, addVerifier, removeVerifier, setMasterVerifier, setChallengeSigner, setProgram,
      setParameter, setMinTarget, setMinTargetByDifficulty, request, cancel, process, decline, submit,
      deligatedSubmit, directSubmit, withdrawSlotReward, withdrawSlotRewardInRange, verify, timeout,
      rejectResult, getParameter, currentSlotReward, currentSlot, slots, slotRewards, owners, verifiers,
      masterVerifier, emtToken, startSlot, slotFuel, slotBalances, lastJobAssigned, deposits, jobs,
      jobDetails,
      jobAssigns, jobChildren, programs,
    ]
  }
}
