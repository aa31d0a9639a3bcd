@testable import EmethKit
import Testing

@Suite struct EmethCoreTests {
  /// The selectors of the contract of 2023, all of them (reference A5).
  private static let published = [
    ("0x7065cb48", "addOwner(address)"),
    ("0x173825d9", "removeOwner(address)"),
    ("0x9000b3d6", "addVerifier(address)"),
    ("0xca2dfd0a", "removeVerifier(address)"),
    ("0x7b57bc71", "setMasterVerifier(address)"),
    ("0x7c8b2973", "setChallengeSigner(address)"),
    (
      "0x263c9b78",
      "request(bytes16,uint256,bytes16,uint256,uint256,string,string,uint256,uint256,uint256)"
    ),
    ("0x492831b8", "cancel(bytes16)"),
    ("0x0b07a6ff", "process(bytes16)"),
    ("0xc5174597", "decline(bytes16)"),
    ("0x3228f7a5", "submit(bytes16,string,uint256)"),
    ("0x946bf1ed", "deligatedSubmit(address,bytes16,uint256,string,uint256)"),
    ("0x5a3e5b42", "directSubmit(bytes16,string,uint256,uint256)"),
    ("0x47a72f41", "withdrawSlotReward(address,uint256)"),
    ("0x32492610", "withdrawSlotRewardInRange(address,uint256,uint256)"),
    ("0xb4d69f6c", "verify(bytes16)"),
    ("0x55060681", "timeout(bytes16)"),
    ("0xc6a246a3", "rejectResult(bytes16)"),
    ("0x57239b0a", "setProgram(uint256,string,uint256,uint256,uint256,uint256,uint256,uint256)"),
    ("0x723507be", "setParameter(bytes32,uint256)"),
    ("0x944fb4bc", "setMinTarget(uint256,uint256)"),
    ("0xa2a2a0d7", "setMinTargetByDifficulty(uint256,uint256)"),
    ("0x9e647aac", "getParameter(string)"),
    ("0xb9c8794a", "currentSlotReward()"),
    ("0x3359632e", "currentSlot()"),
    ("0x387dd9e9", "slots(uint256)"),
    ("0xf47b88da", "slotRewards(uint256,address)"),
    ("0x022914a7", "owners(address)"),
    ("0x6c824487", "verifiers(address)"),
    ("0x0890746a", "masterVerifier()"),
    ("0xf38fcfc1", "emtToken()"),
    ("0xd8d82750", "startSlot()"),
    ("0x266998f9", "slotFuel(uint256,address)"),
    ("0xe55ced31", "slotBalances(uint256,address)"),
    ("0xa025fd95", "lastJobAssigned(address)"),
    ("0xfc7e286d", "deposits(address)"),
    ("0x0ef4284f", "jobs(bytes16)"),
    ("0xc6059ed1", "jobDetails(bytes16)"),
    ("0x30b47ac5", "jobAssigns(bytes16)"),
    ("0x0f2ef404", "jobChildren(bytes16,uint256)"),
    ("0x92db2816", "programs(uint256)"),
  ]

  @Test func selectorsAreThoseOfTheContract() {
    #expect(Self.published.count == 41)
    #expect(EmethCore.Function.all.count == 41)
    let found = Dictionary(
      EmethCore.Function.all.map { ($0.selector.description, $0.signature) }, uniquingKeysWith: { $1 })
    for (selector, signature) in Self.published {
      #expect(found[selector] == signature)
    }
    #expect(Set(EmethCore.functions.map(\.selector)).count == EmethCore.functions.count)
    #expect(Set(EmethCore.functions.map(\.name)).count == EmethCore.functions.count, "Vyper has no overloads")
    #expect(Set(EmethCore.events.map(\.topic0)).count == EmethCore.events.count)
  }

  /// The interface of PROTOCOL 9, as Docs/Decisions/0006 records it: changing one of these breaks contracts.
  @Test func settlementSelectorsStay() {
    let found = EmethCore.SettlementFunction.all.map { "\($0.selector) \($0.name)" }
    #expect(found == Self.settlement)
    #expect(
      EmethCore.SettlementFunction.redeemTicket.signature
        == "redeemTicket((address,uint64,uint256,uint256,uint256,bytes32),bytes)")
    #expect(
      EmethCore.SettlementFunction.postBatch.signature
        == "postBatch((uint64,bytes32,bytes32,uint256,uint256,uint64,bytes32,uint64,uint64),bytes)")
  }

  private static let settlement = [
    "0xb6b55f25 deposit",
    "0x2e1a7d4d withdraw",
    "0xab28de8f depositToLayer2",
    "0xa4566dd5 fundSlot",
    "0x8d3666c9 redeemTicket",
    "0x2c13e299 redeemFromBatch",
    "0x5dc047b2 postBatch",
    "0x0ce13352 challengeBatches",
    "0x029cbaa8 challengeAccount",
    "0x89431206 requestExit",
    "0x6222de62 serveExit",
    "0x8d1fdf2f freeze",
    "0x3b8ca442 claim",
    "0x36b9418a payClaim",
    "0x92d7380f reclaimDeposit",
    "0x3f8a2b2c proposeSigner",
    "0x4dcb05f9 depositBond",
    "0xc0d30cfd announceBondWithdrawal",
    "0x66eb9cec withdrawBond",
    "0x9f4568ef redeemed",
    "0xf35dad40 totalRedeemed",
    "0xd89135cd totalBurned",
    "0x2dfdf0b5 depositCount",
    "0x225ca7bc depositRecords",
    "0x238ac933 signer",
    "0x3be386da nextSigner",
    "0x64c9ec6f bond",
    "0x431eb4f6 nextBondWithdrawal",
    "0x69572eca redeemedSincePosting",
    "0xa1651fe2 latestBatch",
    "0xc81e25ab batches",
    "0x054f7d9c frozen",
    "0xbd7edcc2 exits",
    "0xc6788bdd claims",
    "0xfcb8c1b2 slotFunded",
  ]

  @Test func parameterKeysAreHashesOfTheirNames() {
    let published = [
      "0xd1906d9aeb35d637280f4c57dae283ce36c21b66e2701595f95840db4e5b5bff",
      "0xdf805af9dc58d59ffff1b90b0293e8960197031c1a5d1532f4ec1b004b19bd01",
      "0xc76dab0587590c822d9367a7558c8a22b92b339126a98b5948044ce6c60dcca9",
      "0x72522edee604bdd5ac63a27a2e0a17bb523a4023d605f814ebd78bae7f604f63",
      "0xfc55de261ce9bc0ef45c8f929ddbdfd010cf3231e8abd69f93978566337bcf54",
      "0x2aade20e7e72687c4ee1231a238560cefaa98ea5d7f0c48d7c79309ba987419c",
      "0x751d8648476ff8cccd764c11fd6f1c85108e60a6fe455a469d5441c6dc441994",
      "0x0353e8df3f9ac54491053a3c4ecbb4b3af4f6bda1c25e74107408d2f97382667",
    ]
    #expect(EmethCore.Parameter.allCases.prefix(8).map(\.key.description) == published)
    #expect(EmethCore.Parameter.allCases.count == 11)
  }
}
