import EmethKit
import Testing

@Suite struct AddressCreationTests {
  /// The examples of EIP-1014: creator, salt, init code, contract.
  @Test(arguments: [
    ("", "", "00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"),
    ("deadbeef" + String(repeating: "0", count: 32), "", "00", "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"),
    (
      "deadbeef" + String(repeating: "0", count: 32), "feed" + String(repeating: "0", count: 36), "00",
      "0xD04116cDd17beBE565EB2422F2497E06cC1C9833"
    ),
    ("", "", "deadbeef", "0x70f2b2914A2a4b783FaEFb75f459A580616Fcb5e"),
    ("deadbeef", "cafebabe", "deadbeef", "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"),
    (
      "deadbeef", "cafebabe", String(repeating: "deadbeef", count: 11),
      "0x1d8bfDC5D46DC4f61D6b6115972536eBE6A8854C"
    ),
    ("", "", "", "0xE33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"),
  ])
  func examplesOfCreate2(creator: String, salt: String, code: String, contract: String) throws {
    func padded(_ digits: String, to count: Int) -> String {
      "0x" + String(repeating: "0", count: count - digits.utf8.count) + digits
    }
    let address = Address(
      createdBy: try Address(padded(creator, to: 40)), salt: try Bytes32(hex: padded(salt, to: 64)),
      initCodeHash: Keccak256.hash(try Hex.decode(code)))
    #expect(address.description == contract)
  }

  /// Contracts that block explorers show: made by one account with its first four nonces.
  @Test func knownContracts() throws {
    let creator = try Address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    let contracts = [
      "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d", "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8",
      "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91", "0xfffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c",
    ]
    for (nonce, contract) in contracts.enumerated() {
      #expect(try Address(createdBy: creator, nonce: UInt64(nonce)) == Address(contract))
    }
  }

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    var checked = 0
    for test in try VectorFiles.json("create.json.gz").arrayElements() {
      let sender = try Address(test.required("sender").stringText())
      for creation in try test.required("creates").arrayElements() {
        let contract = Address(createdBy: sender, nonce: try creation.required("nonce").unsigned())
        #expect(try contract.description == creation.required("address").stringText())
        checked += 1
      }
    }
    #expect(checked == 80)
  }
}
